"""Which published objective teaches most in the same time, on one backbone, the same data and the same seeds?

`python examples/compare_objectives.py --dataset CAPTIONS --validation_set VALIDATION --test_size 0
[--structure_queries QUERIES.json --structure_pool MOLECULES] [options of pretrain.py]`
Runs `ablate.py` over `ablations/objectives.yaml`, whose options it takes too: --only some rows, --seeds, --seconds or
--steps. A system that differs by its encoder is one more row of that file. Needs `pip install finemoltex[examples]`.
Takes three hours on a core: fifteen rows, three seeds, about four minutes each, and conformers once for 40
milliseconds a molecule.
"""

import sys
from pathlib import Path

from ablate import main

ROWS = Path(__file__).with_name("ablations") / "objectives.yaml"
# All validation texts are asked, of all molecules.
SETTINGS = ["--preset", "small", "--max_eval_samples", "0", "--variants", str(ROWS)]

if __name__ == "__main__":
    sys.exit(main([*SETTINGS, "--output_dir", "runs/objectives", "--seconds", "150", *sys.argv[1:]]))
