"""From a file of any format to a table, whole or in blocks."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import re
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow
import pyarrow.feather
import pyarrow.parquet

from stepdown.core import InvalidInputError

from ._errors import UsageError
from ._guard import guarded, memory_here, refuse_bomb

# What each ending is read as. Text may be compressed by a second ending; the other formats compress inside.
FORMATS = {
    "csv": "text",
    "tsv": "text",
    "txt": "text",
    "jsonl": "lines",
    "ndjson": "lines",
    "json": "records",
    "parquet": "parquet",
    "pq": "parquet",
    "feather": "feather",
    "arrow": "feather",
    "xlsx": "excel",
}
COMPRESSED = ("gz", "bz2", "xz", "zst", "zip")
SEPARATORS = ",;\t|"
QUOTED = re.compile(r'"(?:[^"]|"")*"')
# What the separator is guessed from.
MOST_CHARACTERS = 2**16
MOST_LINES = 50
LONGEST_NAME = 1_000_000


def read_table(path: Path, texts: Sequence[str] = ()) -> pd.DataFrame:
    """Read a file as it is; the columns `texts` stay texts, whatever they look like."""
    with _telling_errors(path):
        frame = _READERS[format_of(path)](path, texts)
    if frame.empty:
        raise InvalidInputError(f"{path}: the file has no rows.")
    frame.columns = pd.Index([str(column) for column in frame.columns])
    return frame


def read_blocks(path: Path, texts: Sequence[str], rows: int) -> Iterator[pd.DataFrame]:
    """Read a file in blocks of so many rows; formats that can't be read in parts are read whole first."""
    kind = format_of(path)
    with _telling_errors(path):
        if kind == "text":
            options = _text_options(path, texts)
            with _opened(path) as file, pd.read_csv(file, chunksize=rows, **options) as blocks:
                yield from blocks
        elif kind == "parquet":
            with pyarrow.parquet.ParquetFile(path) as file:
                _refuse_repeats(path, file.schema_arrow.names)
                for batch in file.iter_batches(rows):
                    yield _sound(batch).to_pandas()
        else:
            frame = _READERS[kind](path, texts)
            for start in range(0, len(frame), rows):
                yield frame.iloc[start : start + rows]


def format_of(path: Path) -> str:
    """Return how a file is read, by its ending; refuse one that isn't there, is empty or ends otherwise."""
    if not path.is_file():
        raise UsageError(f"{path}: file not found.")
    if path.stat().st_size == 0:
        raise InvalidInputError(f"{path}: the file is empty.")
    *_, above, last = ["", *path.name.lower().split(".")]
    kind = FORMATS.get(above if last in COMPRESSED else last)
    if kind is None or (last in COMPRESSED and kind not in ("text", "lines", "records")):
        raise UsageError(
            f"{path}: expected a file ending in {', '.join(f'.{ending}' for ending in FORMATS)}; text and JSON may be"
            f" compressed, as in .csv.gz ({', '.join(COMPRESSED)})."
        )
    return kind


def _read_text(path: Path, texts: Sequence[str]) -> pd.DataFrame:
    options = _text_options(path, texts)
    with _opened(path) as file:
        return pd.read_csv(file, **options)


def _read_lines(path: Path, texts: Sequence[str]) -> pd.DataFrame:
    with _opened(path) as file:
        return _of_records(path, [json.loads(line, object_pairs_hook=_unique) for line in file if line.strip()])


def _read_records(path: Path, texts: Sequence[str]) -> pd.DataFrame:
    with _opened(path) as file:
        return _of_records(path, json.load(file, object_pairs_hook=_unique))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    repeated = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if repeated:
        raise InvalidInputError(f"a row holds {repeated[:5]} more than once.")
    return dict(pairs)


def _of_records(path: Path, records: Any) -> pd.DataFrame:
    """JSON says what is a number and what is a text; pandas' reader would guess anew, and find dates by names."""
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise InvalidInputError(f'{path}: expected one JSON object a row, as in {{"age": 31, "town": "Ulm"}}.')
    return pd.DataFrame(records)


def _read_excel(path: Path, texts: Sequence[str]) -> pd.DataFrame:
    refuse_bomb(path)
    header = pd.read_excel(path, header=None, nrows=1)
    _refuse_repeats(path, [str(name) for name in header.to_numpy().ravel() if not pd.isna(name)])
    return pd.read_excel(path, dtype=dict.fromkeys(texts, str))


def _read_parquet(path: Path, texts: Sequence[str]) -> pd.DataFrame:
    _refuse_repeats(path, pyarrow.parquet.read_schema(path).names)
    about = pyarrow.parquet.read_metadata(path)
    # A column of one value takes next to no room on the disk, and eight bytes a cell here.
    if (size := 8 * about.num_rows * about.num_columns) > memory_here():
        raise InvalidInputError(
            f"{path}: {about.num_rows:,} rows of {about.num_columns:,} columns take {size / 2**30:,.0f} GiB, more"
            " than the memory of this machine; give a part of them."
        )
    return _sound(pyarrow.parquet.read_table(path)).to_pandas()


def _read_feather(path: Path, texts: Sequence[str]) -> pd.DataFrame:
    table = pyarrow.feather.read_table(path)
    _refuse_repeats(path, table.column_names)
    return _sound(table).to_pandas()


def _sound(rows: Any) -> Any:
    """A table or batch of Arrow, whose texts are looked at: pandas decodes them long after they are read."""
    rows.validate(full=True)
    return rows


_READERS: dict[str, Callable[[Path, Sequence[str]], pd.DataFrame]] = {
    "text": _read_text,
    "lines": _read_lines,
    "records": _read_records,
    "excel": _read_excel,
    "parquet": _read_parquet,
    "feather": _read_feather,
}


@contextmanager
def _telling_errors(path: Path) -> Iterator[None]:
    """What the readers raise, said in one line."""
    try:
        with warnings.catch_warnings():
            # Rows longer than the header would shift all columns by one, or lose their last field.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            yield
    except pd.errors.ParserWarning as error:
        raise InvalidInputError(
            f"{path}: some rows have more fields than the header names columns; name every column, or fix the rows."
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{path}: the file isn't UTF-8 text ({error.reason}); save it as UTF-8.") from error
    except pd.errors.EmptyDataError as error:
        raise InvalidInputError(f"{path}: the file has no columns.") from error
    except ImportError as error:
        raise UsageError(f"{path}: {error.msg} To read Excel files: pip install openpyxl.") from error
    except InvalidInputError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError, KeyError, EOFError, csv.Error, *_BROKEN) as error:
        problem = " ".join(str(error).split()) or type(error).__name__
        raise InvalidInputError(f"{path}: the file can't be read as a table ({problem}).") from error


# Of archives; of JSON that is nested without an end; of Excel and archives with parts missing or locked.
_BROKEN = (zipfile.BadZipFile, lzma.LZMAError, zlib.error, RecursionError, TypeError, IndexError, RuntimeError)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file of text, unpacked; what isn't text, or a bomb, is refused as soon as it is read."""
    ending = path.suffix.lower()
    packed = ending[1:] in COMPRESSED
    if ending == ".zip":
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            if len(names) != 1:
                raise InvalidInputError(f"{path}: the archive holds {len(names)} files; expected one table.")
            with archive.open(names[0]) as file:
                yield guarded(file, path, packed=packed)
        return
    if ending == ".zst":
        with pyarrow.input_stream(str(path), compression="zstd") as stream:
            yield guarded(stream, path, packed=packed)
        return
    opener: Any = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}.get(ending, open)
    with opener(path, "rb") as file:
        yield guarded(file, path, packed=packed)


def _text_options(path: Path, texts: Sequence[str]) -> dict[str, Any]:
    return {
        "sep": _check_header(path),
        "encoding": "utf-8-sig",
        "skipinitialspace": True,
        "index_col": False,
        "dtype": dict.fromkeys(texts, str),
    }


def _check_header(path: Path) -> str:
    """Return the separator. Columns that repeat are refused here: pandas would rename them without a word."""
    with _opened(path) as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        start = text.read(MOST_CHARACTERS)
    separator = _separator(start)
    limit = csv.field_size_limit(LONGEST_NAME)
    try:
        with _opened(path) as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
            records = csv.reader(text, delimiter=separator, skipinitialspace=True)
            header = next((record for record in records if record), [])
    finally:
        csv.field_size_limit(limit)
    _refuse_repeats(path, [name.strip() for name in header])
    return separator


def _separator(start: str) -> str:
    """Return the separator of the names in the header, outside quotes; on ties, the one that rows have as often."""
    bare = [line for line in QUOTED.sub('""', start).splitlines()[:MOST_LINES] if line.strip()]
    # The last line may be cut.
    rows = bare[1:-1] or bare[1:]

    def worth(separator: str) -> tuple[int, float]:
        names = bare[0].count(separator)
        alike = sum(row.count(separator) == names for row in rows) / len(rows) if rows and names else 0.0
        return names, alike

    return max(SEPARATORS, key=worth) if bare else SEPARATORS[0]


def _refuse_repeats(path: Path, names: Sequence[str]) -> None:
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise InvalidInputError(f"{path}: columns {repeated[:5]} appear more than once; give each its own name.")
