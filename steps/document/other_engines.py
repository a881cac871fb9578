"""Hints for words of other workflow engines: the equivalent in this language."""

from collections.abc import Collection, Iterable, Mapping


def _spelt(meanings: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    return {word: meaning for words, meaning in meanings for word in words.split()}


_STEP_TYPES = _spelt(
    (
        (
            "if choice switch condition decision gateway exclusivegateway branch router",
            "a choice is made by edges with a `condition`",
        ),
        (
            "foreach map each loop loopoveritems splitinbatches foreachitem forkjoindynamic",
            "that is call-workflow with `items` and `steps`; lists are made by set",
        ),
        (
            "while dowhile until loopuntil repeat goto",
            "a loop is an edge that leads back, with a `condition`",
        ),
        ("fork forkjoin parallelgateway race all concurrent dag", "that is parallel"),
        ("join merge exclusivejoin", "a parallel step waits for its branches by itself"),
        ("http httprequest request rest api fetch openapi curl", "that is call-api"),
        (
            "script code function lambda python javascript shell task tool servicetask scripttask",
            "a function is a tool, called by call-tool; values are put together by set",
        ),
        ("pass assign variables setvariable editfields transform jq log print", "that is set"),
        (
            "usertask humantask human approval approve manual pause input form",
            "a decision is request-user-action, a form collect-inputs",
        ),
        ("sleep delay timer waituntil", "that is wait"),
        (
            "subworkflow subflow childworkflow workflow callactivity executeworkflow flow",
            "that is call-workflow",
        ),
        (
            "event listen receive message signal waitforevent callback receivetask waitforwebhook",
            "that is wait-for-signal",
        ),
        ("emit publish throw sendevent raiseevent sendtask", "that is send-signal"),
        ("succeed success end stop finish return exit endevent complete", "that is end-flow"),
        ("fail raise terminate error", "that is end-flow with `status: failed`"),
        ("try catch trycatch sequence sequential block scope subprocess do", "that is group"),
        ("email sendemail mail smtp", "that is call-tool with the toolId send-email"),
        ("llm chat openai gpt prompt completion aitask", "that is call-llm"),
        ("agent aiagent assistant", "that is call-agent"),
        (
            "schedule cron webhook trigger scheduletrigger webhooktrigger",
            "a run is started by a schedule or a trigger, which is defined outside the workflow",
        ),
    )
)

_KEYS: tuple[tuple[str, str, str], ...] = (
    ("nodes tasks states activities actions stages do", "steps", ""),
    ("startat start first entry begin initial initialstate", "initialStep", ""),
    ("connections transitions links flows arrows", "edges", ""),
    ("input inputs parameters params arguments properties", "payload", ""),
    ("input parameters params arguments args", "inputs", ""),
    ("variables vars values env", "constants", ""),
    ("errors catch onfailure failureworkflow errorhandler onexception", "onError",
     "an edge with `on: error` leads out of a step that fails"),
    ("ensure always afterexecution teardown", "finally", ""),
    ("comment remark", "note", ""),
    ("when if expression guard", "condition",
     "a choice is made by edges with a `condition`"),
    ("source", "from", ""),
    ("target then goto next dest destination", "to",
     "what comes next is said by `edges`, from step to step"),
    ("retries retrypolicy", "retry", ""),
    ("json data payload content", "body", ""),
    ("params parameters querystring", "query", ""),
    ("data set assign fields", "values", ""),
    ("fields schema", "",
     "what a person fills in is asked by a collect-inputs step, by its `output`"),
    ("options choices buttons", "actions", ""),
    ("uri endpoint", "url", ""),
    ("subject text prompt question", "message", ""),
    ("seconds sleep delay", "duration", ""),
    ("return output", "result", ""),
    ("workflow flow subflow", "workflowId", ""),
    ("tool function", "toolId", ""),
    ("foreach list collection", "items", ""),
    ("assignee candidates users", "assignees", ""),
    ("trigger triggers on schedule cron timezone", "",
     "a run is started by a schedule or a trigger, which is defined outside the workflow"),
    ("version revision", "", "a version is numbered when the document is saved"),
    ("namespace project", "", "the API key with which it is saved determines the tenant"),
)  # fmt: skip


def step_type_here(name: str) -> str:
    """Return the equivalent of another engine's step type, empty if it is not known."""
    meaning = _STEP_TYPES.get(_plain(name.rpartition(".")[2]), "")
    return f"; {meaning}" if meaning else ""


def key_here(name: str, known: Collection[str]) -> str:
    """Return the equivalent of another engine's key, among the keys allowed in that place."""
    said = ""
    for words, key, meaning in _KEYS:
        if _plain(name) in words.split():
            if key in known:
                return f"; here it is {key}"
            said = said or meaning
    return f"; {said}" if said else ""


def _plain(word: str) -> str:
    return word.replace("-", "").replace("_", "").replace(" ", "").lower()[:64]
