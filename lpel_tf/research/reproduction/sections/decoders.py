"""LPEL with each of the decoders, as methods to be measured and judged."""

import numpy as np

from lpel_serving.faithfulness.judgement import headline, judge
from lpel_serving.faithfulness.study import Answer
from lpel_serving.methods.controls.derived import WithDecoder
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.method import Method
from lpel_tf.research.harness.decoders import LEAST_SQUARES, OURS, Setting
from lpel_tf.research.reproduction.section import Finding, Table, by_outcomes
from lpel_tf.research.reproduction.sections.curve_section import (
    LPEL,
    against_controls,
    comparison_table,
)

OTHERS = (LEAST_SQUARES, OURS)


def lpel_with(decoder: str) -> str:
    """What LPEL is called with another decoder than the thesis's."""
    return f"LPEL, {decoder}"


def lpel_by_decoder(setting: Setting) -> dict[str, Method]:
    """LPEL, then LPEL with each of the other decoders."""
    others = {
        lpel_with(name): WithDecoder(Lpel(), setting.decoders[name].decode, name) for name in OTHERS
    }
    return {LPEL: Lpel(), **others}


def decoder_tables(answer: Answer, caption: str, seed: int) -> tuple[Table, ...]:
    """Areas and differences for each of the other decoders."""
    return tuple(
        comparison_table(
            judge(answer.measured, np.random.default_rng(seed), lpel_with(name)),
            f"{caption}, {lpel_with(name)}",
        )
        for name in OTHERS
    )


def decoder_findings(answer: Answer, where: str, seed: int) -> tuple[Finding, ...]:
    """Whether LPEL beats its controls with each of the other decoders."""
    findings: list[Finding] = []
    for name in OTHERS:
        judgement = judge(answer.measured, np.random.default_rng(seed), lpel_with(name))
        findings.append(
            Finding(
                f"(With the decoder by {name} the explanation must beat its controls{where}.)",
                headline(judgement),
                by_outcomes(against_controls(judgement)),
            )
        )
    return tuple(findings)
