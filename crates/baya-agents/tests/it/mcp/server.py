"""A stand-in for servers of tools: `server.py LOG WORDS…`; each word makes it behave in its way."""
import json, os, signal, sys, time

log, words = sys.argv[1], sys.argv[2:]


def note(line):
    with open(log, "a") as file:
        file.write(line + "\n")


def answer(request, result=None, error=None):
    body = {"jsonrpc": "2.0", "id": request["id"]}
    body.update({"error": error} if error else {"result": result})
    print(json.dumps(body), flush=True)


def tool(name, about="about " * 3, **hints):
    schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    return {"name": name, "description": about, "inputSchema": schema, "annotations": hints}


def tools():
    if "many" in words:
        return [tool(f"tool-{number}", readOnlyHint=True) for number in range(80)]
    if "odd" in words:
        wrong = tool("wrong schema")
        wrong["inputSchema"] = {"type": "object", "properties": {"a": {"type": "nonsense"}}}
        return [tool("x" * 90), tool("x" * 90 + "y"), tool("a.b"), tool("a b"), wrong, tool("long", "w" * 9000)]
    return [tool("look", readOnlyHint=True), tool("change"), tool("fail"), tool("show"), tool("long_text"), tool("stop")]


def call(request):
    name, given = request["params"]["name"], request["params"].get("arguments", {})
    note(f"call {name} {given.get('text', '')}".strip())
    text = lambda text: {"content": [{"type": "text", "text": text}]}
    if name == "fail":
        answer(request, dict(text("it went wrong"), isError=True))
    elif name == "stop":
        print("no more of this", file=sys.stderr, flush=True)
        os._exit(3)
    elif name == "show":
        image = {"type": "image", "data": "A" * 400, "mimeType": "image/png"}
        answer(request, {"content": [{"type": "text", "text": "see"}, image]})
    elif name == "long_text":
        answer(request, text("start " + "x" * 50_000 + " end"))
    elif name == "change" and given.get("text") == "hang":
        time.sleep(3600)
    else:
        answer(request, text(f"{name}: {given.get('text')} of {os.environ.get('GIVEN')}"))


note(f"start {os.getpid()}")
if "dies" in words:
    print("\x1b[31mcannot find my keys\x1b[0m", file=sys.stderr, flush=True)
    sys.exit(3)
if "stays" in words:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "silent" in words:
    time.sleep(3600)
if "noisy" in words:
    print("welcome to the server!", flush=True)
if "peeks" in words:
    try:
        open(os.path.join(os.path.dirname(log), "..", "secret")).read()
        note("saw the secret")
    except OSError:
        note("saw nothing")
while line := sys.stdin.readline():
    request = json.loads(line)
    method = request["method"]
    if method == "initialize":
        version = request["params"]["protocolVersion"]
        answer(request, {"protocolVersion": version, "capabilities": {"tools": {}},
                         "serverInfo": {"name": "stand-in", "version": "1"}})
    elif method == "tools/list":
        answer(request, {"tools": tools()})
    elif method == "tools/call":
        call(request)
    elif "id" in request:
        answer(request, error={"code": -32601, "message": "unknown"})
if "stays" in words:
    while True:
        time.sleep(3600)
