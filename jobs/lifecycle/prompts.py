"""Which prompt a job uses: the version in use when it was created, for all its pages."""

from jobs.lifecycle.common import LifecycleError
from jobs.models import PromptVersion


def prompt_in_use(type_: str) -> PromptVersion:
    """The default prompt of an operation."""
    prompt = PromptVersion.objects.filter(type=type_, is_default=True).first()
    if prompt is None:
        raise LifecycleError(
            f"There is no prompt in use for {type_}: run `manage.py migrate` or choose one in the admin."
        )
    return prompt


def prompt_named(name: str) -> PromptVersion:
    """The prompt that a job names, such as `batch_ocr/1`."""
    type_, _, version = name.rpartition("/")
    prompt = PromptVersion.objects.filter(type=type_, version=int(version or 0)).first()
    if prompt is None:
        raise LifecycleError(f"The prompt {name} is gone: reset the job with another prompt in use.")
    return prompt


def put_in_use(prompt: PromptVersion) -> None:
    """Make this the prompt of its operation; call inside a transaction. Jobs that exist keep theirs."""
    PromptVersion.objects.filter(type=prompt.type, is_default=True).update(is_default=False)
    PromptVersion.objects.filter(pk=prompt.pk).update(is_default=True)
    prompt.is_default = True
