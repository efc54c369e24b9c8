"""Research: experiments that compare methods, their measures and their rivals.

Nothing here is needed to explain a pair, to serve explanations or to run a batch job. Two commands
use it, `lpel reproduce` and `lpel emsnn`, and the scripts in ``benchmarks/``.

`harness`
    Where each experiment begins: photographs are cut out and embedded, some people are held out,
    decoders are trained, and pairs are drawn on which the network decided rightly.
`measures`
    Numbers that say whether a map can be believed, a room for each family.
`gradients`, `emsnn`
    Rivals: methods that look inside the network, and the autoencoder and prototypes of EMSNN.
`reproduction`
    Chapter 5 of the thesis, section by section: `lpel reproduce`.
`prototypes`
    EMSNN and LPEL on images of one's own, by the nearest prototype: `lpel emsnn`.
`comparison`
    All methods on the same pairs: ``benchmarks/faithfulness.py``.
`figures`
    What these draw beyond `lpel_serving.report.figures`.

What a user needs in order to judge a method or a map is in the engine instead:
`lpel_serving.faithfulness` has the deletion and transplant curves, their controls, `lpel assess`
and the faithfulness check of one pair.
"""
