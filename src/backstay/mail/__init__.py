"""Mail: letters made of templates, sent from the outbox by SMTP, or kept in a folder where there is no server yet."""

from backstay.mail.fill import fill
from backstay.mail.layout import Layout
from backstay.mail.letter import Letter, compose
from backstay.mail.post_office import MailFailed, PostOffice

__all__ = ["Layout", "Letter", "MailFailed", "PostOffice", "compose", "fill"]
