"""Signing in with other services: what each provider is like, and the protocol that all of them speak.

Providers are data (`providers.py`); the protocol is in `exchange.py`. Whose account it becomes is decided in
`backstay.accounts.linking`, which knows nothing of providers.
"""

from backstay.oauth2.exchange import Exchange, OAuth2Failed
from backstay.oauth2.flow import begin
from backstay.oauth2.profile import Profile

__all__ = ["Exchange", "OAuth2Failed", "Profile", "begin"]
