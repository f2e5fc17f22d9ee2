"""Golden conversations: read them as documentation, and a change of them as a change of protocol."""

from tests.protocols.chains import ChainStage, append, read
from tests.transcript import assert_golden


def test_an_update_and_a_read():
    """Goal: the whole of a fault-free life: from head to tail and back, and a read confirmed."""
    stage = ChainStage()
    stage.request(1, append("a"))
    stage.settle()
    stage.request(0, read())
    stage.settle()
    assert_golden("chain", stage)


def test_the_middle_dies_with_an_update():
    """Goal: section 3. An update reached node 1 and no further; the master closes the gap."""
    stage = ChainStage()
    request = stage.request(0, append("a"))
    stage.deliver(0, 1)
    stage.drop(1, 2)
    stage.kill(1)
    while len(stage.members()) == 3:
        stage.lines.clear()  # but for the tick in which the master loses its patience
        stage.tick(2)
        stage.tick(0, 2)
        stage.drop(0, 1)
        stage.drop(2, 1)
    assert stage.answer(request) == "a"
    assert_golden("chain-middle", stage)
