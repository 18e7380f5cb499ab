"""The table of energies by request survives its file, and a damaged one is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llenergymeasure.domain.breakdowns.attribution import ATTRIBUTION_COLUMNS
from llenergymeasure.orchestration.verification.verify import verify_bundle
from llenergymeasure.results.opening import open_bundle
from llenergymeasure.results.parquet.attribution import read_attribution, write_attribution
from tests.support.bundles import refresh_sums, write_run


def _change(bundle: Path, name: str, values: pa.Array) -> None:
    path = bundle / "attribution.parquet"
    table = pq.read_table(path)
    changed = table.set_column(table.schema.get_field_index(name), name, values)
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), path)
    refresh_sums(bundle)


def test_the_table_of_a_bundle_adds_up_to_its_windows(tmp_path: Path) -> None:
    bundle = open_bundle(write_run(tmp_path))
    table, result = bundle.attribution, bundle.result
    assert table is not None
    assert result.attribution is not None
    for number, repeat in enumerate(result.repeats):
        rows = table.select(table.repeat == number)
        assert rows.energy_j.sum() == pytest.approx(repeat.energy_j, rel=1e-9)
        assert list(rows.kind[-2:]) == ["idle", "overhead"]
        assert len(rows) == repeat.requests + 2
    assert np.isnan(table.prefill_energy_j[table.kind == "idle"]).all()


def test_the_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    table = open_bundle(write_run(tmp_path)).attribution
    assert table is not None
    write_attribution(table, tmp_path / "again.parquet")
    again = read_attribution(tmp_path / "again.parquet")
    for name, kind in ATTRIBUTION_COLUMNS:
        np.testing.assert_array_equal(getattr(again, name), getattr(table, name), strict=kind != "O")
    assert pq.read_table(tmp_path / "again.parquet").column("request_id").null_count == 6


def test_a_changed_energy_is_found_and_so_is_a_missing_table(tmp_path: Path) -> None:
    bundle = write_run(tmp_path)
    energies = pq.read_table(bundle / "attribution.parquet").column("energy_j").to_pylist()
    _change(bundle, "energy_j", pa.array([energies[0] * 1.001, *energies[1:]]))
    findings = verify_bundle(bundle).findings
    assert [(each.file, each.field) for each in findings] == [("attribution.parquet", "energy_j")]
    assert findings[0].message.startswith("row 0: stored ")
    (bundle / "attribution.parquet").unlink()
    refresh_sums(bundle)
    missing = verify_bundle(bundle).findings
    assert [(each.file, each.message) for each in missing] == [("attribution.parquet", "is missing")]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [("kind", "somebody", "'somebody' has no meaning"), ("repeat", None, "is null in 1 rows")],
)
def test_a_row_that_nobody_wrote_is_refused(
    tmp_path: Path, name: str, value: str | None, problem: str
) -> None:
    bundle = write_run(tmp_path)
    column = pq.read_table(bundle / "attribution.parquet").column(name)
    _change(bundle, name, pa.array([value, *column.to_pylist()[1:]], column.type))
    with pytest.raises(ValueError, match=problem):
        read_attribution(bundle / "attribution.parquet")
