"""`helm test` on a real node: in a minute it proves what a worker needs, or says what is missing."""

from testkit.release.installed import INSTALL
from testkit.release.place import NAMESPACE, RELEASE, Place

TEST = (
    f"test {RELEASE} --namespace {NAMESPACE} --timeout 10m --logs "
    f"--filter '!name={RELEASE}-reader-check'"  # it asks by a name, and there is no DNS on this node
)


def test_a_node_that_only_says_that_it_has_a_gpu_is_found_out(here: Place) -> None:
    with here.transcript.phase("helm test, without the GPU that it looks for"):
        told = here.helm(TEST, fails=True)
    assert "missing gpu: GpuUnavailable" in told
    assert "ok      models: set demo, every file as locked" in told
    assert "ok      store: " in told


def test_a_node_on_whose_cpus_the_models_are_to_run_passes(here: Place) -> None:
    with here.transcript.phase("helm test"):
        here.helm(f"upgrade {INSTALL} --set gpu.count=0")
        try:
            told = here.helm(TEST)
        finally:
            here.helm(f"rollback {RELEASE} --namespace {NAMESPACE} --wait")
    assert [line.split(":")[0] for line in told.splitlines() if line.startswith(("ok ", "missing "))] == [
        "ok      gpu",
        "ok      models",
        "ok      store",
        "ok      walls",  # in a pod that is restricted, on this kernel
    ]
