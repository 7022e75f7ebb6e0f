"""Opens directories of Parquet parts with one call of each reader.

    python open_directory.py DIRECTORY...

Prints a line of JSON for each reader and directory: rows, and a sum in which every row has a weight of
its own. A reader that fails has "error" in place of them. The last glob begins in the folder around the
directory, beside which nothing else may be.
"""

import json
import os
import sys

import duckdb
import numpy
import pandas
import polars
import pyarrow
import pyarrow.dataset


def columns_of_pandas(frame):
    return frame["time"].to_numpy().astype("datetime64[ns]"), frame["bid"].to_numpy()


def columns_of_arrow(table):
    return table["time"].to_numpy().astype("datetime64[ns]"), table["bid"].to_numpy()


def columns_of_polars(frame):
    return frame["time"].to_numpy().astype("datetime64[ns]"), frame["bid"].to_numpy()


def glob(pattern):
    def read(directory):
        found = duckdb.sql(f"SELECT time, bid FROM read_parquet('{pattern.format(directory)}')").fetchnumpy()
        return found["time"].astype("datetime64[ns]"), found["bid"]

    return read


READERS = {
    "pandas.read_parquet": (pandas, lambda path: columns_of_pandas(pandas.read_parquet(path))),
    "pyarrow.dataset.dataset": (
        pyarrow,
        lambda path: columns_of_arrow(pyarrow.dataset.dataset(path).to_table(columns=["time", "bid"])),
    ),
    "polars.read_parquet": (polars, lambda path: columns_of_polars(polars.read_parquet(path))),
    "polars.scan_parquet": (polars, lambda path: columns_of_polars(polars.scan_parquet(path).collect())),
    "duckdb **": (duckdb, glob("{}/**")),
    "duckdb **/*.parquet": (duckdb, glob("{}/**/*.parquet")),
    "duckdb ../**/*.parquet": (duckdb, glob("{}/../**/*.parquet")),
}


def weighted(time, bid):
    weights = time.astype("int64") % 1009 + 1
    return int((numpy.rint(bid * 100_000).astype("int64") * weights).sum())


def main():
    for directory in sys.argv[1:]:
        for name, (module, read) in READERS.items():
            found = {"reader": name, "version": module.__version__, "directory": os.path.abspath(directory)}
            try:
                time, bid = read(directory)
                found |= {"rows": len(time), "sum": weighted(time, bid)}
            except Exception as error:  # whatever a reader throws is its answer
                found["error"] = f"{type(error).__name__}: {error}"
            print(json.dumps(found))


main()
