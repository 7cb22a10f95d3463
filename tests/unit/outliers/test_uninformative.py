import pytest

from text_classification_viz.core.outliers.uninformative import is_uninformative

HARDLY_ANY_WORDS = {
    "nothing": ["", " \n\t ", "\u200b\u00ad\ufeff", "…。、・「」！？", "{{}} [[ ]] ||"],
    "emoji": ["❤️ ❤️ ❤️", "🤷🏽‍♀️ wow 100%", "🇺🇸🇬🇧🇯🇵 🏳️‍🌈", "¯\\_(ツ)_/¯ ʕ•ᴥ•ʔ", "😀😀 ok ok"],
    "numbers": ["- - - 12 2014 ...", "10:00–11:30", "$1,000.00 (50%)", "1st 2nd 3rd 4th", "+44 20 7946 0958"],
    "digits of other scripts": ["٢٠١٤ ١٢ ٣", "๑๒๓๔๕๖๗๘๙๐", "១២៣៤៥៦៧៨៩០"],
    "addresses": [
        "https://a.example/some/long-path?x=y www.example.org",
        "me@example.com you@a.example it@b.example",
    ],
    "markup": ["<p><br/></p> <div class='x y z'> </div>", "&nbsp; &lt; &#160; &amp;", "<!-- --> <hr/>"],
    "repetition": [
        "N/A N/A N/A",
        "No. No! NO, no",
        "ha ha ha ha ha",
        "哈哈哈哈哈哈哈哈",
        "네 네 네",
        "ㅋㅋㅋㅋㅋㅋㅋ",
    ],
    "English": ["IGNORE.", "Pardon Me?", "see above", "[removed] [deleted]"],
    "German": ["Vielen Dank"],
    "French": ["Merci beaucoup"],
    "Russian": ["да нет", "спасибо большое"],
    "Greek": ["ευχαριστώ πολύ"],
    "Arabic": ["شكرا جزيلا"],
    "Hebrew": ["תודה רבה"],
    "Hindi": ["धन्यवाद", "नमस्ते जी"],
    "Tamil": ["நன்றி"],
    "Korean": ["감사합니다"],
    "Vietnamese": ["Cảm ơn"],
    "Chinese": ["好的", "谢谢！谢谢！", "笑笑 2012年", "谢谢大家"],
    "Japanese": ["ありがと", "おめでとう"],
    "Thai": ["สวัสดี", "ขอบคุณครับ"],
    "Lao": ["ສະບາຍດີ"],
    "Khmer": ["អរគុណ", "សួស្តី"],
    "Burmese": ["ကျေးဇူး", "မင်္ဂလာပါ"],
}
ENOUGH_WORDS = {
    "English": [
        "GOP Targets Reid",
        "A Bleeding Heart...",
        "❤️ one two three",
        "COVID-19 cases rise in 2021",
        "Politics/Economy/Culture",
    ],
    "markup": ["<b>Stocks</b> fall <i>sharply</i>", "Profits &amp; losses explained"],
    "address": ["Stocks fall sharply https://example.com/a", "@nasa launches lunar probe"],
    "tags": ["#MeToo rallies continue"],
    "inequality": ["price <5 euros beats price >6 dollars"],
    "German": ["Premier tritt nach Wahlniederlage zurück"],
    "French": ["Le premier ministre démissionne"],
    "Spanish": ["El presidente viaja a China"],
    "Polish": ["Premier podał się do dymisji"],
    "Finnish": ["Presidentinvaalit siirretään keväälle"],
    "Hungarian": ["A miniszterelnök ma lemondott"],
    "Turkish": ["Başbakan bugün istifa etti"],
    "Vietnamese": ["Thủ tướng Việt Nam từ chức"],
    "Swahili": ["Waziri mkuu ajiuzulu leo"],
    "Russian": ["Премьер подал в отставку"],
    "Ukrainian": ["Прем'єр подав у відставку"],
    "Greek": ["Ο πρωθυπουργός παραιτήθηκε σήμερα"],
    "Georgian": ["პრემიერ მინისტრი გადადგა დღეს"],
    "Armenian": ["Վարչապետը հրաժարական տվեց այսօր"],
    "Amharic": ["ጠቅላይ ሚኒስትሩ ስልጣን ለቀቁ"],
    "Arabic": ["رئيس الوزراء يستقيل"],
    "Persian": ["نخست وزیر استعفا داد"],
    "Urdu": ["وزیر اعظم نے استعفیٰ دے دیا"],
    "Hebrew": ["ראש הממשלה התפטר היום"],
    "Hindi": ["प्रधान मंत्री ने इस्तीफ़ा दिया"],
    "Bengali": ["প্রধানমন্ত্রী পদত্যাগ করেছেন আজ"],
    "Tamil": ["பிரதமர் இன்று ராஜினாமா செய்தார்"],
    "Telugu": ["ప్రధాన మంత్రి రాజీనామా చేశారు"],
    "Kannada": ["ಸರ್ಕಾರ ತೆರಿಗೆ ಹೆಚ್ಚಿಸಿದೆ"],
    "Korean": ["총리가 오늘 사임했다"],
    "Chinese": ["特朗普赢得美国大选", "總統宣布辭職", "苹果发布iPhone 15新机型"],
    "Japanese": ["日本の首相が辞任した", "サッカー日本代表が優勝", "ｻｯｶｰ日本代表が優勝"],
    "Thai": ["นายกรัฐมนตรีลาออก"],
    "Lao": ["ນາຍົກລັດຖະມົນຕີລາອອກ"],
    "Khmer": ["នាយករដ្ឋមន្ត្រីលាលែងពីតំណែង", "តម្លៃប្រេងឡើងថ្លៃ"],
    "Burmese": ["ဝန်ကြီးချုပ် နုတ်ထွက်သွားပြီ"],
    "Tibetan": ["བོད་ཀྱི་སྲིད་བློན་དགོངས་ཞུ་བཏང་"],
}


@pytest.mark.parametrize("what", HARDLY_ANY_WORDS)
def test_hardly_any_words(what):
    assert [text for text in HARDLY_ANY_WORDS[what] if not is_uninformative(text)] == []


@pytest.mark.parametrize("what", ENOUGH_WORDS)
def test_enough_words_in_any_language(what):
    assert [text for text in ENOUGH_WORDS[what] if is_uninformative(text)] == []


def test_words_after_much_that_is_none_count():
    assert not is_uninformative("!" * 100_000 + " <p> " * 10_000 + "the words come late")
