"""`Directory`: the models of a pool by name and version."""

from collections.abc import Mapping

from ts_sdk.runtime.pool.deployment import Deployment
from ts_sdk.runtime.pool.versions import WeightedChoice


class Directory:
    """Finds the deployment for a request; whoever changes it holds a lock, whoever reads does not.

    Args:
        choice: Draws among versions.
    """

    def __init__(self, choice: WeightedChoice) -> None:
        self._choice = choice
        # Replaced whole and never changed, so that it can be read at any time.
        self._models: Mapping[str, Mapping[str | None, Deployment]] = {}

    def all(self) -> list[Deployment]:
        """All of them."""
        return [each for versions in self._models.values() for each in versions.values()]

    def named(self, model: str | None) -> list[Deployment]:
        """The versions of *model*; of the only model where that is None.

        Raises:
            LookupError: There is no such model, or it is not clear which is meant.
        """
        return list(self._versions(model).values())

    def choose(self, model: str | None, version: str | None) -> Deployment:
        """The deployment for a request; without a *version*, the weights decide.

        Raises:
            LookupError: As for `named`, or there is no such version.
        """
        versions = self._versions(model)
        if version is None and len(versions) == 1:
            return next(iter(versions.values()))
        if version is None:
            return self._choice.of({each: each.weight for each in versions.values()})
        if version not in versions:
            known = ", ".join(map(str, versions))
            name = next(iter(versions.values())).name
            raise LookupError(f"there is no version {version!r} of {name}; served are {known}")
        return versions[version]

    def check_free(self, name: str, version: str | None) -> None:
        """Refuse a model that is there already.

        Raises:
            ValueError: It is.
        """
        if version in self._models.get(name, {}):
            raise ValueError(
                f"{name} {version} is served already: give it another name or version, or remove "
                "the other first"
            )

    def add(self, deployment: Deployment) -> None:
        """Let requests find *deployment*."""
        versions = {**self._models.get(deployment.name, {}), deployment.version: deployment}
        self._models = {**self._models, deployment.name: versions}

    def take_out(self, name: str, version: str | None) -> list[Deployment]:
        """Let no more requests find these; returns them.

        Raises:
            LookupError: There are none.
        """
        versions = self._models.get(name, {})
        found = [each for known, each in versions.items() if version in (None, known)]
        if not found:
            which = name if version is None else f"{name} {version}"
            raise LookupError(f"there is no model {which} to remove")
        rest = {known: each for known, each in versions.items() if each not in found}
        models = {**self._models, name: rest}
        self._models = {known: left for known, left in models.items() if left}
        return found

    def take_all(self) -> list[Deployment]:
        """Let no more requests find any; returns them."""
        found = self.all()
        self._models = {}
        return found

    def _versions(self, model: str | None) -> Mapping[str | None, Deployment]:
        models = self._models
        if model is None and len(models) == 1:
            return next(iter(models.values()))
        if not models:
            raise LookupError("the pool serves no model: add() one")
        if model is None or model not in models:
            asked = "say which model" if model is None else f"there is no model {model!r}"
            raise LookupError(f"{asked}; served are {', '.join(sorted(models))}")
        return models[model]
