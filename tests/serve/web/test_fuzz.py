import json
import random
from typing import Any

N_BODIES = 10_000
JSON_BITS = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b'"',
    b"null",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"\xff",
    b"\x00",
    b"true",
]


def malformed(rng: random.Random, good: bytes, kinds: list[str]) -> tuple[bytes, str | None]:
    """A body made bad: cut, with bytes changed, put in or taken out, doubled, or plain noise; and its type."""
    body = bytearray(good)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(body)) if body else 0
        act = rng.randrange(6)
        if act == 0:
            del body[at:]
        elif act == 1 and body:
            body[at] = rng.randrange(256)
        elif act == 2:
            body[at:at] = rng.choice(JSON_BITS) * rng.choice([1, 1, 1, 50])
        elif act == 3:
            del body[at : at + rng.randint(1, 30)]
        elif act == 4:
            body[at:at] = body[: rng.randint(0, 40)]
        else:
            body = bytearray(rng.randbytes(rng.randint(0, 60)))
    return bytes(body), rng.choice(kinds)


def test_ten_thousand_malformed_bodies_get_a_plain_answer(caller: Any, split_body: Any, rows: Any, world: Any) -> None:
    """Ten thousand bodies made bad at random: never a 5xx, never a trace or a path, always one sentence in JSON."""
    rng = random.Random(2026)
    names = list(world.table.names)
    records = [dict(zip(names, row, strict=True)) for row in rows.tolist()]
    csv = "\n".join([",".join(names), *(",".join(map(repr, row)) for row in rows.tolist())])
    seeds = [
        split_body(rows[:1]).encode(),
        json.dumps({"dataframe_records": records[:1]}).encode(),
        json.dumps({"instances": records[:2]}).encode(),
        json.dumps({"inputs": {name: [1.0, 2.0] for name in names}}).encode(),
    ]
    seen: dict[int, int] = {}

    async def throw() -> None:
        for at in range(N_BODIES):
            is_csv = at % 5 == 4
            kinds = ["text/csv"] if is_csv else ["application/json"] * 9 + ["text/plain"]
            body, kind = malformed(rng, csv.encode() if is_csv else seeds[at % 4], kinds)
            reply = await caller.call("POST", "/invocations", body, {"content-type": kind})
            seen[reply.status] = seen.get(reply.status, 0) + 1
            assert reply.status in {200, 400, 413, 415}, body
            if reply.status in {400, 413}:
                answer = reply.json
                assert set(answer) == {"error_code", "message"}
                assert "\n" not in answer["message"]
                assert "Traceback" not in answer["message"]
                assert "/site-packages/" not in answer["message"]
                assert len(answer["message"]) < 400

    caller.run(throw())
    assert sum(seen.values()) == N_BODIES
    assert seen[400] > N_BODIES * 0.8
