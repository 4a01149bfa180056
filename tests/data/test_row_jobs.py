"""A job over rows keeps what is done, in windows, and goes on."""

import pytest

from modeling_finemoltex import MoleculeFile
from modeling_finemoltex.data.row_jobs import read_entries, work_through


@pytest.fixture
def source(tmp_path):
    file = tmp_path / "library.smi"
    file.write_text("".join(f"{'C' * count} m{count}\n" for count in range(1, 8)), encoding="utf-8")
    return MoleculeFile(file)


class Worker:
    """Answers rows, and stops after a number of them."""

    def __init__(self, most=100):
        self.windows, self.most = [], most

    def __call__(self, rows):
        self.windows.append([number for number, _ in rows])
        for number, row in rows:
            if number > self.most:
                raise KeyboardInterrupt
            yield {"row": number, "smiles": row.value}


def test_rows_come_in_windows_and_an_interrupted_job_goes_on(source, tmp_path):
    output, whole = tmp_path / "out.csv", Worker()
    part = work_through(source, output, {"job": 1}, whole, False, window=3)
    expected = list(read_entries(part))
    assert whole.windows == [[1, 2, 3], [4, 5, 6], [7]] and [one["row"] for one in expected] == list(range(1, 8))
    part.unlink()
    with pytest.raises(KeyboardInterrupt):
        work_through(source, output, {"job": 1}, Worker(most=4), False, window=3)
    part.write_text(part.read_text() + '{"row": 5, "smi')  # as a kill leaves it
    rest = Worker()
    assert list(read_entries(work_through(source, output, {"job": 1}, rest, False, window=3))) == expected
    assert [number for window in rest.windows for number in window] == [5, 6, 7]


def test_another_job_and_another_suffix_are_refused(source, tmp_path):
    work_through(source, tmp_path / "out.csv", {"job": 1}, Worker(), False)
    with pytest.raises(ValueError, match="belongs to another job: it differs in job"):
        work_through(source, tmp_path / "out.csv", {"job": 2}, Worker(), False)
    with pytest.raises(ValueError, match=r"must be a .csv file, got .*out.txt"):
        work_through(source, tmp_path / "out.txt", {"job": 1}, Worker(), False)
