"""Hosts and wishes of all kinds: judged, or refused in type."""

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from lpel_serving.service.http.messages.answers import JSON, NPZ, PNG, accepted
from lpel_serving.service.http.messages.problems import Problem
from lpel_serving.service.http.security import LOCAL_NAMES, _name_of
from support.mutation import mutants, outcome

RUNS = 10_000
OFFERED = (JSON, NPZ, PNG)
latin = st.text(st.characters(max_codepoint=255), max_size=80)


def chosen(*accept: str) -> str | None:
    """What is answered with; None if nothing that is offered is accepted."""
    headers = [(b"accept", one.encode("latin-1")) for one in accept]
    request = Request({"type": "http", "headers": headers})
    kind, problem = outcome(lambda: accepted(request, *OFFERED), Problem)
    assert problem is None or problem.status == 406
    return kind


@settings(derandomize=True, max_examples=500, deadline=None)
@given(st.lists(latin, max_size=3))
def test_any_wish_gives_one_of_what_there_is_or_is_refused(accept):
    assert chosen(*accept) in {None, *OFFERED}


qualities = st.integers(0, 1000).map(lambda share: share / 1000)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.permutations(OFFERED), st.tuples(qualities, qualities, qualities))
def test_the_kind_that_is_wanted_most_is_given(kinds, shares):
    wanted = dict(zip(kinds, shares, strict=True))
    given_ = chosen(", ".join(f"{kind};q={share}" for kind, share in wanted.items()))
    if max(shares) == 0:
        assert given_ is None
    else:
        assert wanted[given_] == max(shares)


def test_a_changed_wish_gives_one_of_what_there_is_or_is_refused():
    wishes = [
        b"application/json, image/png;q=0.5",
        b"*/*;q=0.1, image/*, application/x-npz;level=1;q=1.0",
        b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ]
    found = {chosen(one.decode("latin-1")) for one in mutants(wishes, RUNS)}
    assert found == {None, *OFFERED}


OURS = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?", re.IGNORECASE)


@settings(derandomize=True, max_examples=700, deadline=None)
@given(latin | st.tuples(st.sampled_from(LOCAL_NAMES), latin).map("".join))
@example("localhost:\xb2")
@example("localhost:0\xb9")
@example("[::1]:80:80")
@example("localhost:80:localhost")
def test_only_the_names_of_this_machine_are_taken_for_them(host):
    assert (_name_of(host) in LOCAL_NAMES) == (OURS.fullmatch(host) is not None)


def test_no_changed_host_is_taken_for_another():
    hosts = [b"localhost:8000", b"127.0.0.1", b"[::1]:80", b"evil.example:443", b"LocalHost"]
    ours = 0
    for one in mutants(hosts, RUNS):
        host = one.decode("latin-1")
        is_ours = _name_of(host) in LOCAL_NAMES
        assert is_ours == (OURS.fullmatch(host) is not None), host
        ours += is_ours
    assert ours > 0
