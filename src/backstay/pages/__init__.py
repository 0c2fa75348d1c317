"""The pages behind the links in mails: HTML made here, without JavaScript, in the visitor's language."""

from backstay.pages.pages import Page, Pages

__all__ = ["Page", "Pages"]
