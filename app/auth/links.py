"""Links that let somebody without an account answer one pause, once.

A link is a sealed token that names the run and the event with which its pause began. It becomes
invalid when the pause ends, so the server stores nothing for it and nothing has to be revoked.
"""

import json

from app.auth.caller import Caller
from app.auth.roles import Role
from app.auth.sealed_token import LinkUnusable, sealed_values, token_of
from app.clock import Clock
from app.secrets.seal import Keyring
from engine import NotPaused, Run, own_pause_id
from engine.value import value

_KIND = "link"
MADE_BY = "made by "
"""How a link is named that is for nobody in particular, before the name of its maker."""


@value(frozen=True, slots=True)
class Link:
    """What a link allows: to answer the pause of one run that began with event `seq`."""

    tenant: str
    run_id: str
    step_id: str
    visit: int
    seq: int
    name: str
    until_ms: int

    @property
    def caller(self) -> Caller:
        """The caller who answers by this link, as the run's history records it."""
        return Caller(self.tenant, Role.OPERATOR, f"link:{self.name}")

    @property
    def pause_id(self) -> str:
        """The id of the pause that the link answers."""
        return own_pause_id(self.run_id, self.seq)

    def still_asks(self, run: Run) -> bool:
        """Return whether the run still waits in the pause for which the link was made."""
        return run.pause is not None and run.pause.run_id is None and run.pause_seq == self.seq


class Links:
    """Makes links and reads them."""

    def __init__(self, keyring: Keyring, clock: Clock) -> None:
        self._keyring = keyring
        self._clock = clock

    def make(self, tenant: str, run: Run, name: str, until_ms: int) -> tuple[Link, str]:
        """Return a link to a run's open question, and its token. Raises `NotPaused`.

        The same arguments give the same token.
        """
        if run.pause is None or run.current is None:
            raise NotPaused(f"run {run.id} is {run.status}, so there is nothing to answer")
        where = (run.id, run.current.step_id, run.current.visit)
        link = Link(tenant, *where, run.pause_seq, name, until_ms)
        values = [tenant, *where, run.pause_seq, name, until_ms]
        sealed = self._keyring.seal_alike(_KIND, json.dumps(values))
        return link, token_of(sealed)

    def read(self, token: str) -> Link:
        """Return what a token allows. Raises `LinkUnusable`."""
        link = Link(*sealed_values(self._keyring, _KIND, token))
        if link.until_ms <= self._clock.now_ms():
            raise LinkUnusable
        return link
