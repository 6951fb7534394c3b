"""Checks of settings that the variants of every method share."""

import numbers


def check_choices(settings, choices):
    """Raises ValueError for a value that is none of its choices.

    Args:
        settings: dict with every setting.
        choices: dict of setting -> tuple of the values that it may have.
    """
    for key, allowed in choices.items():
        if settings[key] not in allowed:
            raise ValueError(
                f"`{key}` must be one of {allowed}. Received: {settings[key]!r}"
            )


def check_whole_numbers(settings, least):
    """Raises ValueError for a value that is no whole number, or too small.

    Args:
        settings: dict with every setting.
        least: dict of setting -> the least that makes a model.
    """
    for key, at_least in least.items():
        value = settings[key]
        if not isinstance(value, numbers.Integral) or value < at_least:
            raise ValueError(
                f"`{key}` must be a whole number of at least {at_least}. "
                f"Received: {value!r}"
            )
