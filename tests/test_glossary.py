"""Words that open in place: those a page uses, once each, and nowhere but in its texts."""

import re

import pytest

from grokscope.reading.glossary import PLACE, WORDS, linked

PAGE = f"""<h1>key parts</h1>{PLACE}
<p>Its logits have two key parts, and the logits have <button>a lens</button>.</p>
<pre>nats</pre><figcaption>In nats; its lens and its key parts.</figcaption>"""


def test_the_first_of_a_word_opens_its_meaning():
    html = linked(PAGE, 0)
    assert re.findall(r"class=\"word\"[^>]*>([^<]*)<", html) == [
        "logits", "key parts", "nats", "lens"
    ]  # fmt: skip
    assert "<h1>key parts</h1>" in html
    assert "<pre>nats</pre>" in html
    assert "<button>a lens</button>" in html
    opened = re.findall(r'popovertarget="([^"]*)"', html)
    assert len(opened) == 4
    assert all(f'id="{x}"' in html for x in opened)


def test_the_list_has_the_words_that_are_used_and_no_others():
    listed = re.findall(r"<dt>([^<]*)</dt>", linked(PAGE, 0, "Gini of the spectrum"))
    assert set(listed) == {"logits", "key parts", "nats", "lens", "Gini", "spectrum"}
    assert listed == [word for word, _, _ in WORDS if word in listed]


def test_the_texts_stay_what_they_were():
    def bare(html: str) -> str:
        return re.sub(r"<[^>]*>", "", html[html.index("Its") :])

    assert bare(linked(PAGE, 0)) == bare(PAGE)


def test_several_articles_have_words_of_their_own():
    ids = [re.findall(r'id="([^"]*)"', linked(PAGE, name)) for name in (0, 1)]
    assert not set(ids[0]) & set(ids[1])
    assert all(re.fullmatch(r"[\w-]+", x) for x in (*ids[0], *ids[1]))


@pytest.mark.parametrize(("word", "means"), [(word, means) for word, _, means in WORDS])
def test_a_meaning_is_one_short_sentence(word, means):
    assert len(means) < 160, word
    assert ". " not in means
