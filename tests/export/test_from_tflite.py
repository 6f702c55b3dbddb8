"""The networks that find people: what they were made from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from engines.people import network
from export.__main__ import main
from export.from_tflite import convert_tflite

PEOPLE = Path(network.__file__).parent


@pytest.mark.parametrize("name", ["person", "face"])
def test_what_ships_is_what_its_origin_says(name: str):
    made_from = {e.key: e.value for e in onnx.load(PEOPLE / f"{name}.onnx").metadata_props}
    row = next(
        line
        for line in (PEOPLE / "ORIGIN.md").read_text().splitlines()
        if f"{name}.on" in line and line.startswith("|")
    )
    assert made_from["source"] in row and made_from["source_sha256"] in row
    assert "Apache License" in (PEOPLE / "LICENSE").read_text()


@pytest.mark.parametrize(
    "content", [b"", b"no model", b"\0\0\0\0TFL3", b"\x10\0\0\0TFL3" + b"\xff" * 64]
)
def test_what_is_no_tflite_model_is_refused(tmp_path: Path, content: bytes, capsys):
    source, target = tmp_path / "some.tflite", tmp_path / "some.onnx"
    source.write_bytes(content)
    assert main(["people", str(source), "-o", str(target)]) == 4
    assert "is not a TFLite model that can be converted" in capsys.readouterr().err
    assert not target.exists()


def test_an_operation_becomes_the_same_in_onnx(tmp_path: Path):
    """A sigmoid over a picture: a flat buffer of one operation, written by hand."""
    source, target = tmp_path / "sigmoid.tflite", tmp_path / "sigmoid.onnx"
    source.write_bytes(sigmoid_model())
    convert_tflite(source, target)
    import onnxruntime

    session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    picture = np.linspace(-4, 4, 24, dtype=np.float32).reshape(1, 2, 4, 3)
    (out,) = session.run(None, {session.get_inputs()[0].name: picture})
    np.testing.assert_allclose(out, 1 / (1 + np.exp(-picture)), atol=1e-6)


def sigmoid_model() -> bytes:
    """Return a TFLite model of one LOGISTIC, (1, 2, 4, 3) to the same."""
    from flatbuffers import Builder

    b = Builder(0)

    def table(*fields: tuple[int, str, int]) -> int:
        b.StartObject(8)
        for slot, kind, value in fields:
            getattr(b, f"Prepend{kind}Slot")(slot, value, 0)
        return b.EndObject()

    def vector(values: list[int], offsets: bool = False) -> int:
        b.StartVector(4, len(values), 4)
        for value in reversed(values):
            b.PrependUOffsetTRelative(value) if offsets else b.PrependInt32(value)
        return b.EndVector()

    ref = "UOffsetTRelative"
    tensors = [table((0, ref, vector([1, 2, 4, 3])), (2, "Uint32", 0)) for _ in range(2)]
    operation = table((1, ref, vector([0])), (2, ref, vector([1])))
    graph = table(
        (0, ref, vector(tensors, True)),
        (1, ref, vector([0])),
        (2, ref, vector([1])),
        (3, ref, vector([operation], True)),
    )
    code = table((0, "Int8", 14), (3, "Int32", 14))
    lists = [vector([item], True) for item in (code, graph, table())]
    b.Finish(
        table((0, "Uint32", 3), (1, ref, lists[0]), (2, ref, lists[1]), (4, ref, lists[2])),
        file_identifier=b"TFL3",
    )
    return bytes(b.Output())
