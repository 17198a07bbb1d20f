import pytest

from stepdown import DynamicProgramming, Fixed
from stepdown.cli._searches import SEARCHES, read_search
from stepdown.core import InvalidInputError
from stepdown.search import Gate


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("gate", Gate()),
        ("gate:margin=1,folds=3", Gate(folds=3, margin=1)),
        ("dynamic:max_fits=100", DynamicProgramming(max_fits=100)),
        ("dynamic:max_fits=None,max_seconds=2", DynamicProgramming(max_fits=None, max_seconds=2)),
        ("one-hop", Fixed("one-hop")),
        ("multihop", Fixed("multihop")),
    ],
)
def test_a_search_by_its_name_and_parameters(text, search):
    assert repr(read_search(text)) == repr(search)


def test_the_table_of_searches_stays_as_it_is():
    before = repr(dict(SEARCHES))
    read_search("gate:margin=7")
    assert repr(dict(SEARCHES)) == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dynamc", "unknown search 'dynamc'; did you mean 'dynamic'. Known: gate, dynamic, one-hop, multihop"),
        ("gate:mrgin=1", "no parameter 'mrgin'; did you mean 'margin'. It has: folds, margin, max_seconds, repeats"),
        ("gate:folds=1", "folds must be at least 2"),
        ("gate:folds=2.5", "folds can't be 2.5; expected int"),
        ("gate:folds=True", "folds can't be True"),
        ("gate:margin=wide", "margin can't be 'wide'; expected float"),
        ("dynamic:max_fits=many", "max_fits can't be 'many'; expected int or None"),
        ("dynamic:max_fits=0", "a budget must be positive"),
        ("multihop:way=control", "no parameter 'way'. It has: none"),
        ("gate:margin", "name=value"),
    ],
)
def test_what_cannot_be_read(text, words):
    with pytest.raises(InvalidInputError, match=words):
        read_search(text)
