"""A function's software bill of materials (CycloneDX 1.6): the packages that its locked requirements install."""

import re
from datetime import UTC, datetime
from uuid import UUID, uuid5

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from tools.locks import read_lock

_NAMESPACE = UUID("a6d9a0a6-6a0c-5b0e-9a55-0b6a6d0b6c1e")
#: An inventory says what is in the bundle, not when someone looked: the same bundle has the same one.
_UNDATED = datetime(1980, 1, 1, tzinfo=UTC)


def bill_of_materials(name: str, sha256: str, requirements: str, *, runtime: str) -> str:
    """The inventory as JSON text. `runtime` is the platform's name of its Python (`python313`)."""
    bundle = Component(
        name=name,
        type=ComponentType.APPLICATION,
        version=sha256,
        bom_ref=name,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)],
    )
    bom = Bom(
        serial_number=uuid5(_NAMESPACE, f"{name} {sha256}"),
        metadata=BomMetaData(component=bundle, timestamp=_UNDATED),
        components=[_component(*package) for package in locked_packages(requirements, runtime).items()],
    )
    bom.register_dependency(bundle, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def locked_packages(requirements: str, runtime: str) -> dict[str, str]:
    """Version by package, of those that the runtime installs. Raises `CommandError`, see `read_lock`."""
    version = re.sub(r"python(\d)(\d+)", r"\1.\2", runtime)
    environment = {
        "implementation_name": "cpython",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_version": version,
        "python_full_version": f"{version}.0",
        "sys_platform": "linux",
    }
    return {pin.name: pin.version for pin in read_lock(requirements) if pin.applies(environment)}


def _component(name: str, version: str) -> Component:
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{name}=={version}",
        purl=PackageURL("pypi", None, name, version),
    )
