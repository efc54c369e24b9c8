"""Faces that are long looked for in some photographs keep nobody else waiting."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx

from lpel_serving.service.explanation_service import DETECTED_AT_ONCE
from lpel_serving.service.http.settings import Settings
from support import slow
from support.bright import BrightSquares
from support.clients import photograph
from support.service import started


class Searching(BrightSquares):
    """Finds no end while it is held."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.go_on.set()  # the service tries every crop before it begins
        self.begun = 0

    def hold(self) -> None:
        self.begun = 0
        self.go_on.clear()

    def take(self, pixels, size, face=0):
        self.begun += 1
        assert self.go_on.wait(60)
        return super().take(pixels, size, face)


def test_whoever_needs_no_search_waits_for_none(service_bundle):
    search = Searching()
    with (
        started(Settings(service_bundle, crops={"search": search})) as one,
        httpx.Client(base_url=f"http://127.0.0.1:{one.port}", timeout=60) as client,
        ThreadPoolExecutor(8) as askers,
    ):

        def verify(seed: int, crop: str) -> httpx.Response:
            files = {"reference": photograph(seed), "test": photograph(seed + 1)}
            return client.post("/v1/verify", files=files, data={"crop": crop})

        search.hold()
        searched = [askers.submit(verify, 10 + 2 * n, "search") for n in range(4)]
        slow.until(lambda: search.begun == DETECTED_AT_ONCE)
        assert verify(0, "none").status_code == 200
        assert search.begun == DETECTED_AT_ONCE
        assert not any(one.done() for one in searched)
        search.go_on.set()
        assert {one.result().status_code for one in searched} <= {200, 422}
