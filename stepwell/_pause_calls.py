"""Which requests list what waits for people, and say who answers it."""

from stepwell._calls import Call, given, part


def open_pauses(whose: str, workflow_id: str | None, text: str | None, cursor: str | None) -> Call:
    """List a page of what waits for people."""
    query = given(whose=whose, workflowId=workflow_id, text=text, cursor=cursor)
    return Call("GET", "/api/workflow/inbox", query=query)


def hold(verb: str, run_id: str, pause_id: str | None, comment: str | None) -> Call:
    """Claim or release a question; done twice it does no harm."""
    body = given(pauseId=pause_id, comment=comment)
    return Call("POST", f"/api/workflow/{verb}/{part(run_id)}", json=body)


def delegate(run_id: str, to: str, pause_id: str | None, comment: str | None) -> Call:
    """Have somebody else answer a question."""
    body = given(to=to, pauseId=pause_id, comment=comment)
    return Call("POST", f"/api/workflow/delegate/{part(run_id)}", json=body)
