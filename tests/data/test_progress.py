"""Progress bars: hidden ones load nothing and count all the same."""

import subprocess
import sys
from pathlib import Path

import pytest

from modeling_finemoltex.data.progress import progress_bar

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("is_shown", [True, False, None])
def test_items_pass_through_and_errors_too(is_shown, capsys):
    assert list(progress_bar([1, 2], is_shown, desc="Counting")) == [1, 2]
    with pytest.raises(KeyError), progress_bar(is_shown=is_shown, total=2, desc="Counting") as bar:
        bar.update(1)
        raise KeyError
    assert ("Counting" in capsys.readouterr().err) == bool(is_shown)


def test_a_hidden_bar_loads_no_library():
    code = "import sys; from modeling_finemoltex.data.progress import progress_bar; list(progress_bar('a', False));"
    code += "print([name for name in ('tqdm', 'torch', 'transformers') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
