"""Checks the settings of the mail server at the start; loaded only if there is one."""

import ssl

from app.outbound.trust import add_to
from app.settings.server import Settings, SettingsError
from app.tools.addresses import addresses
from steps.contract.step_type import StepBroke


def check_mail(settings: Settings) -> None:
    """Check what sending mail will need.

    Raises:
        SettingsError: A file cannot be used, or a setting lacks another one.
    """
    if settings.smtp_ca_file is not None:
        add_to(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), settings.smtp_ca_file, "smtp_ca_file")
    file = settings.smtp_password_file
    if file is not None:
        try:
            file.read_text(encoding="utf-8")
        except (OSError, UnicodeError) as unreadable:
            raise SettingsError(f"smtp_password_file {file} cannot be read: {unreadable}") from None
    if settings.smtp_username is not None and settings.smtp_password is None and file is None:
        raise SettingsError(
            "smtp_username needs a password: set smtp_password or smtp_password_file "
            "(STEPWELL_SMTP_PASSWORD, STEPWELL_SMTP_PASSWORD_FILE)"
        )
    try:
        senders = addresses(settings.smtp_from, "smtp_from")
    except StepBroke as odd:
        raise SettingsError(str(odd)) from odd
    if settings.smtp_from is not None and len(senders) != 1:
        raise SettingsError("smtp_from must be one address")
