import pytest

from text_classification_viz.core.outliers.uninformative import is_uninformative


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "❤️ ❤️ ❤️",
        "IGNORE.",
        "- - - 12 2014 ...",
        "Pardon Me?",
        "🤷🏽‍♀️ wow 100%",
        "好的",
        "ありがと",
        "да нет",
    ],
)
def test_hardly_any_words(text):
    assert is_uninformative(text)


@pytest.mark.parametrize(
    "text",
    [
        "GOP Targets Reid",
        "❤️ one two three",
        "特朗普赢得美国大选",
        "日本の首相が辞任した",
        "นายกรัฐมนตรีลาออก",
        "प्रधान मंत्री ने इस्तीफ़ा दिया",
        "رئيس الوزراء يستقيل",
        "Премьер подал в отставку",
        "총리가 오늘 사임했다",
    ],
)
def test_enough_words_in_any_script(text):
    assert not is_uninformative(text)
