"""Faithfulness of all methods, on people held out.

Usage: python benchmarks/faithfulness.py --faces lfw --bundle demo-output/bundle --work faithfulness
       (--quick for ten minutes; interrupted, the same command goes on where it stopped)

Altered images are embedded in int8, nearly three times as fast; the results say how far that is
from float32, which --embedder float32 uses for all. A second set of people, on whom nothing was
trained, joins in with --second orl.

faithfulness.md has every row, digest.md those that docs/faithfulness.md is made from.

Maps of `benchmarks/rivals` join in with --rivals MAPS.npz; --only-pairs writes what they are made
of, PAIRS.npz, into --work, and stops; --only-curves measures nothing but the curves. What is
measured, and how, stands in `lpel_tf.research.comparison`.
"""

import argparse
import json
from pathlib import Path

from lpel_serving.commands.shared.progress import progress_bar
from lpel_serving.support.files import write_atomically
from lpel_tf.research.comparison.digest import digest
from lpel_tf.research.comparison.exchange import write_pairs
from lpel_tf.research.comparison.picture import draw
from lpel_tf.research.comparison.run import compare
from lpel_tf.research.comparison.setting import prepare, prepare_second
from lpel_tf.research.comparison.sizes import QUICK, Size
from lpel_tf.research.comparison.table import markdown
from lpel_tf.research.comparison.work import Comparison

DEFAULT_PAIRS = 100


def main() -> None:
    options = arguments()
    size = QUICK if options.quick else Size.of(options.pairs)
    setting = prepare(
        options.faces,
        options.bundle,
        size.pairs,
        progress_bar,
        precision="float32" if options.only_pairs else options.embedder,
    )
    if options.only_pairs:
        options.work.mkdir(parents=True, exist_ok=True)
        write_pairs([*setting.similar, *setting.dissimilar], options.work / "PAIRS.npz")
        return
    second = options.second and prepare_second(setting, options.second, size.second, progress_bar)
    rivals = tuple(options.rivals)
    results = compare(
        Comparison(setting, size, options.work, rivals, options.slow, progress_bar, second),
        only_curves=options.only_curves,
    )
    table = markdown(results)
    text = json.dumps(results, indent=1) + "\n"
    write_atomically(options.work / "faithfulness.json", text.encode())
    write_atomically(options.work / "faithfulness.png", draw(results))
    write_atomically(options.work / "faithfulness.md", (table + "\n").encode())
    write_atomically(options.work / "digest.md", (digest(results) + "\n").encode())
    print(table)


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--faces", type=Path, required=True, help="LFW's development people")
    options.add_argument("--bundle", type=Path, required=True, help="with the shipped decoders")
    options.add_argument("--work", type=Path, default=Path("faithfulness"))
    options.add_argument("--pairs", type=int, default=DEFAULT_PAIRS, help="of each decision")
    options.add_argument("--quick", action="store_true")
    options.add_argument("--slow", action="store_true", help="xFace too")
    options.add_argument("--rivals", type=Path, nargs="*", default=[], help="MAPS.npz of rivals")
    options.add_argument("--only-pairs", action="store_true", help="write PAIRS.npz and stop")
    options.add_argument("--only-curves", action="store_true", help="leave other measures out")
    options.add_argument("--embedder", choices=("float32", "int8"), default="int8")
    options.add_argument("--second", type=Path, help="faces of other people, such as ORL's")
    return options.parse_args()


if __name__ == "__main__":
    main()
