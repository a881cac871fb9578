"""Builds the requests that list questions for people, and that say who answers them."""

from stepwell._calls import Call, given, part


def open_pauses(whose: str, workflow_id: str | None, text: str | None, cursor: str | None) -> Call:
    """List a page of the open pauses."""
    query = given(whose=whose, workflowId=workflow_id, text=text, cursor=cursor)
    return Call("GET", "/api/workflow/inbox", query=query)


def hold(verb: str, run_id: str, pause_id: str | None, comment: str | None) -> Call:
    """Claim or release a question; doing it twice does no harm."""
    body = given(pauseId=pause_id, comment=comment)
    return Call("POST", f"/api/workflow/{verb}/{part(run_id)}", json=body)


def delegate(run_id: str, to: str, pause_id: str | None, comment: str | None) -> Call:
    """Let somebody else answer a question."""
    body = given(to=to, pauseId=pause_id, comment=comment)
    return Call("POST", f"/api/workflow/delegate/{part(run_id)}", json=body)


def link(run_id: str, name: str | None, expires_in: str | None, pause_id: str | None) -> Call:
    """Make a link that answers a pause; of several, the first answer counts."""
    body = given(name=name, expiresIn=expires_in, pauseId=pause_id)
    return Call("POST", f"/api/workflow/links/{part(run_id)}", json=body)
