"""What stands in a text, in whatever everyday form."""

from __future__ import annotations

import pytest

from pytest_edgejson.values.prompt_text import PromptText


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Three adults and four children.", 4),
        ("drei Kisten", 3),
        ("deux pommes", 2),
        ("三个", 3),
        ("einundzwanzig Tage", 21),
        ("two hundred and fifty", 250),
        ("three of them", "3"),
        ("we have 3 of it", "three"),
        ("the 1st and the second", "2nd"),
        ("the 2nd", "second"),
        ("1.5k users", 1500),
        ("2 Mio. Euro", 2_000_000),
        ("Rs. 5 crore", 50_000_000),
        ("12億", 1_200_000_000),
        ("CHF 1’000", 1000),
        ("Rs 12,34,567", 1_234_567),
        ("1.250,00 EUR", 1250),
        ("1 250,50 €", 1250.5),
        ("١٢ أو ٣٤", 34),
        ("数量１２、予備３４", 34),
        ("loss (700)", -700),
        ("0x10", 16),
        ("7%", 0.07),
        ("7 Prozent", 0.07),
        ("¼ cup", 0.25),
        ("1½ cups", 1.5),
        ("1 1/2 cups", 1.5),
        ("1000 USD", "$1,000"),
        ("2. April 2024", "2024-04-02"),
        ("1er mars 2024", "2024-03-01"),
        ("1 de marzo de 2024", "2024-03-01"),
        ("2024年4月2日", "2024-04-02"),
        ("02/04/24", "2024-04-02"),
        ("at 3 pm", "15:00"),
        ("um 15 Uhr", "15:00"),
        ("15h30", "15:30"),
        ("O\u2019Brien, at 5\u201310 High St", "O'Brien"),
        ("O\u2019Brien, at 5\u201310 High St", "5-10"),
        ("2 Tsd. Stück", 2000),
        ("um 15 Uhr 30", "15:30"),
        ("15 h 30", "15:30"),
        ("15時30分", "15:30"),
        ("thirty two of them", 32),
        ("10:00 UTC on 2024-03-01", "2024-03-01T10:00:00"),
        ("José", "Jose\u0301"),
        ("ＡＢ１２", "AB12"),
    ],
)
def test_a_value_stands_there_in_another_form(text: str, value: object) -> None:
    assert PromptText(text).holds(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Three adults", 4),
        ("thirteen", 3),
        ("1.2k users", 1.5),
        ("2 million", 2000),
        ("12'500", 125),
        ("7%", 0.7),
        ("10² m", 102),
        ("2024", 24),
        ("15:30", 15.5),
        ("the third", "2nd"),
        ("we have 3", "four"),
        ("1. März 2024", "2024-03-02"),
        ("at 3 pm", "03:00"),
        ("Order 4512", "4513"),
        ("Ada", "Grace"),
    ],
)
def test_a_value_that_is_made_up_does_not(text: str, value: object) -> None:
    assert not PromptText(text).holds(value)
