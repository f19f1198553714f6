"""People repeat themselves, decoders run in circles: what two hearings of one sound say about it."""

import pytest

from ingest_worker.engines.loops import Loop, heard_alike, loop_of, units
from ingest_worker.engines.quality import IN_CIRCLES, Decoded, fault_of

BEFORE = "Could you please read me what stands on the back of the card?"
CODE = "The code is zero seven. "


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ("售" * 15, Loop(("售",), 15)),
        ("大家好" + "谢谢观看" * 6, Loop(("谢", "谢", "观", "看"), 6)),
        ("ขอบคุณ" * 5, Loop(tuple("ขอบคุณ"), 5)),
        ("Thank you. Thank you! Thank you, thank you. THANK YOU", Loop(("thank", "you"), 5)),
        ("我们今天要讨论的是桥梁的问题和夜间公交车的问题。", None),
        ("Come on, come on, come on, come on!", None),
    ],
)
def test_a_loop_is_found_in_every_script(text: str, loop: Loop | None) -> None:
    assert loop_of(text) == loop
    assert (fault_of(Decoded(text, 20.0, -0.2, 0.0, complete=True)) in IN_CIRCLES) is (loop is not None)


def test_a_script_without_spaces_gives_a_word_per_letter_and_names_stay_whole() -> None:
    assert units("我用Google Chrome,好。") == ["我", "用", "google", "chrome", "好"]


@pytest.mark.parametrize(
    ("whole", "parts", "alike"),
    [
        (f"{BEFORE} {CODE * 4}", f"{BEFORE} {CODE * 4}", True),
        (f"{BEFORE} {CODE * 7}", f"{BEFORE} {CODE * 9}", True),
        (f"{BEFORE} {CODE * 4}", BEFORE, False),
        (f"{BEFORE} {CODE * 4}", f"{BEFORE} {CODE * 8}", False),
        (CODE * 20, CODE * 20, False),
        (f"{BEFORE} {CODE * 4}", f"{BEFORE} {'Never, never again. ' * 4}", False),
        (f"{BEFORE} {CODE * 4}", f"The weather will be fine, and {CODE * 4}", False),
    ],
    ids=[
        "the same",
        "miscounted",
        "not again",
        "twice as many",
        "too often",
        "another phrase",
        "other words around it",
    ],
)
def test_a_repetition_is_real_where_the_sound_cut_elsewhere_gives_it_again(
    *, whole: str, parts: str, alike: bool
) -> None:
    assert heard_alike(whole, parts) is alike
