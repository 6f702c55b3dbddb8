from __future__ import annotations

import json

from engines import EngineOptions, open_engine
from engines.identity import EngineIdentity
from engines.machine import cpu_threads
from realtime.media.writing.manifest import Manifest


def test_an_identity_survives_a_manifest(tiny_model):
    with open_engine("passthrough", tiny_model, EngineOptions(threads=3), (8, 8)) as engine:
        identity = EngineIdentity.of(engine)
    assert identity == EngineIdentity("passthrough", "uint8", "cpu", 3)
    assert list(identity.as_dict()) == ["name", "precision", "device", "threads"]
    kept = Manifest(json.loads(json.dumps({"engine": identity.as_dict()})), {})
    assert kept.engine == identity


def test_without_a_number_of_threads_it_has_those_of_the_machine(tiny_model):
    with open_engine("passthrough", tiny_model, size=(8, 8)) as engine:
        assert EngineIdentity.of(engine).threads == cpu_threads()
