"""What docs/semantics.md promises is tested, sentence by sentence."""

from rig import semantics


def test_every_sentence_names_its_tests():
    wanted, named = semantics.sentences(), semantics.quoted()
    assert [sentence for sentence in wanted if sentence not in named] == []
    assert [sentence for sentence in named if sentence not in wanted] == []


def test_every_named_test_exists():
    names = {name for names in semantics.quoted().values() for name in names}
    assert [name for name in sorted(names) if not semantics.exists(name)] == []
