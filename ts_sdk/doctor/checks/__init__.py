"""What is looked for in an archive: one module a subject, each check a function.

A check is given the archive as `Subject` and yields what it finds; it runs nothing of the archive.
"""

from collections.abc import Callable, Iterator

from ts_sdk.doctor.checks import (
    batches,
    config,
    devices,
    files,
    handler,
    imports,
    missing_files,
    model_file,
    moved_names,
    paths,
    process_state,
    requirements,
    text_models,
    torch_load,
    weights,
)
from ts_sdk.doctor.findings import Finding
from ts_sdk.doctor.subject import Subject

Check = Callable[[Subject], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    handler.absent_handler,
    handler.unclear_entry_point,
    handler.missing_methods,
    handler.demanding_constructor,
    handler.unknown_envelope,
    handler.assumed_handler,
    imports.unparsable_sources,
    files.self_imports,
    imports.missing_imports,
    text_models.missing_text_libraries,
    imports.old_names,
    imports.missing_own_names,
    requirements.unmet_requirements,
    requirements.unread_requirements,
    weights.unsafe_pickles,
    weights.unread_pickles,
    weights.unknown_form,
    weights.torchtext_objects,
    weights.full_pickle,
    weights.weights_without_model,
    weights.no_model_at_all,
    model_file.model_classes,
    torch_load.refused_loads,
    moved_names.names_gone,
    devices.cuda_only,
    paths.relative_paths,
    paths.absolute_paths,
    missing_files.missing_files,
    batches.first_row_only,
    files.shadowed_standard_modules,
    files.clashing_names,
    process_state.global_settings,
    process_state.installs_packages,
    config.unreadable_config,
    config.response_timeout,
    config.idle_settings,
)
"""All checks, in the order in which their findings are shown."""
