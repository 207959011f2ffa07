"""Names that notes mention: lists of our own, so that no library's version decides; each split has its own half."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from pytest_edgejson.suite.make.random_values import Split
    from pytest_edgejson.suite.readings import Language

_FIRST: dict[Language, str] = {
    "en": """Amara Ben Carla Dev Edith Farid Grace Hugo Imogen Jonas Keiko Liam Maya Niall Olga Priya Quentin Rosa Samir
        Tessa Umar Vera Wendell Xenia Yusuf Zadie Aiden Bianca Callum Deborah Elias Fiona Gareth Hannah Isaac Joyce Kofi
        Lucinda Marcus Nadia Oscar Petra Rafael Siobhan Theo Una Victor Willa Yvonne Zeke Astrid Bram Cleo Dylan Esme
        Felix Gwen Harriet Ivan Judith""",
    "de": """Anke Bernd Claudia Detlef Elke Frieda Gerd Heike Ingo Jutta Kai Lena Moritz Nele Oskar Paula Ralf Silke
        Thorsten Ulrike Volker Wiebke Yannick Birgit Carsten Dörte Emil Franziska Götz Hanna""",
    "es": """Adela Bruno Carmen Diego Elena Fermín Gloria Héctor Inés Javier Lucía Manuel Nuria Óscar Pilar Rocío Sergio
        Teresa Unai Valeria Ximena Yolanda Álvaro Beatriz César Dolores Esteban Fátima Gonzalo Irene""",
}
_LAST: dict[Language, str] = {
    "en": """Abara Bellamy Chowdhury Drummond Eriksen Fairchild Gallagher Hargreaves Ibrahim Jankowski Kessler Lindqvist
        MacLeod Nakamura O'Connor Pemberton Quigley Rasmussen Sokolova Thackeray Underhill Vasquez Whitcombe Xu Yates
        Zielinski Ashworth Bhatt Castellano Devlin Ekwueme Fontaine Greenwood Haddad Iyer Jessop Kaczmarek Laurent
        Mbeki Novak Okafor Pryce Redfern Stavros Tanaka Ullman Venkat Winslow Yilmaz Zhou""",
    "de": """Ackermann Böttcher Cramer Diekmann Ebeling Fröhlich Gutjahr Hölscher Ihde Jansen Köhler Lohmann Mühlbauer
        Nowak Oertel Pfeiffer Quandt Rademacher Schürmann Tiedemann Uhlig Voß Wendland Zöllner""",
    "es": """Aguirre Benítez Cárdenas Domínguez Echeverría Fuentes Galindo Herrero Ibáñez Jiménez Lozano Montero Navarro
        Ordóñez Peña Quintana Robledo Salinas Tejada Urrutia Villalba Zamora Arroyo Barrios""",
}
_COMPANIES: dict[Language, tuple[str, ...]] = {
    "en": (
        *("Harbour & Pine", "Copperfield Print", "Northgate Dental", "Bluebell Catering", "Tideway Logistics"),
        *("Marrow Street Books", "Kestrel Glass", "Orchard Lane Clinic", "Fennel & Sons", "Quayside Studio"),
        *("Larkspur Events", "Stonebridge Motors", "Willow Vets", "Ashdown Electrics", "Peregrine Travel"),
        *("Saltmarsh Brewery", "Hollis Joinery", "Meridian Labs", "Foxglove Florists", "Castle Row Gym"),
        *("Redwood Interiors", "Thistle Accounting", "Pebble Beach Cafe", "Ironworks Gallery"),
        *("Lantern Theatre", "Brookside Nursery", "Cobble Lane Bakery", "Summit Outdoor", "Harrow Hill Farm"),
        *("Gaslight Records", "Weaver & Daughter", "Blackthorn Law", "Puffin Press", "Chandler Optics"),
        *("Millrace Hotel", "Tannery Yard Studios", "Rowan Physio", "Beacon Security", "Salter's Fish Bar"),
        *("Oakmere School", "Juniper Spa", "Drystone Builders"),
    ),
    "de": (
        *("Bäckerei Sonnleitner", "Druckhaus Elbe", "Autohaus Brandt", "Praxis am Markt", "Gärtnerei Lindenhof"),
        *("Kanzlei Seidel", "Tischlerei Holm", "Spedition Nordwind", "Feinkost Rosen", "Optik Blau"),
        *("Metallbau Fink", "Café Morgenrot"),
    ),
    "es": (
        *("Talleres Ribera", "Librería Alameda", "Clínica del Mar", "Panadería La Espiga", "Transportes Duero"),
        *("Estudio Naranja", "Ferretería Soler", "Hotel Miramar", "Viveros Olmo", "Imprenta Goya"),
        *("Bodegas Alcázar", "Academia Tilo"),
    ),
}
_CITIES: dict[Language, tuple[str, ...]] = {
    "en": (
        *("Bristol", "Cork", "Leeds", "Dundee", "Exeter", "Galway", "Norwich", "Swansea", "Halifax", "Lincoln"),
        *("Oxford", "Belfast", "Derby", "Inverness", "Plymouth", "Durham", "Limerick", "Ipswich", "York", "Cardiff"),
        *("Bath", "Derry", "Perth", "Stirling", "Truro", "Sligo", "Luton", "Preston", "Wells", "Hull"),
        *("Utrecht", "Aarhus", "Ghent", "Turku", "Bergen", "Lyon", "Porto", "Basel", "Graz", "Lund"),
    ),
    "de": ("Kassel", "Bremen", "Ulm", "Rostock", "Bonn", "Linz", "Erfurt", "Mainz", "Lübeck", "Jena", "Passau", "Chur"),
    "es": (
        "Bilbao",
        "Murcia",
        "Vigo",
        "Zaragoza",
        "Cádiz",
        "León",
        "Toledo",
        "Huelva",
        "Gijón",
        "Lugo",
        "Soria",
        "Jaén",
    ),
}
_PRODUCTS: tuple[str, ...] = (
    *("Halden 300", "Brio Mini", "Nordlys 40", "Tarn XL", "Osprey 2", "Vela Plus", "Cobalt 15", "Fjord S", "Juno 7"),
    *("Kite Pro", "Lumen 60", "Mistral 5", "Onyx Duo", "Pinto 12", "Quartz 9", "Rialto M", "Sable 20", "Tempo 3"),
    *("Umbra Lite", "Vesper 8", "Wren 100", "Yarrow 4", "Zephyr 11", "Alba 50", "Birch 6", "Corvo T", "Delta 33"),
    *("Ember 18", "Flint One", "Grove 70"),
)
_PHONE_STARTS: dict[Language, tuple[str, ...]] = {
    "en": ("020 7946 0", "0117 496 0", "0161 496 0", "0131 496 0"),
    "de": ("030 23125 ", "040 66969 ", "0221 4710 ", "089 99998 "),
    "es": ("912 345 ", "934 567 ", "955 123 ", "963 210 "),
}
_DOMAINS = ("example.com", "example.org", "example.net")


class Pools:
    """Draws names for one note; none is drawn twice, so that each stands for one person, place or thing."""

    def __init__(self, language: Language, split: Split, random: random.Random) -> None:
        self._language = language
        self._random = random
        self._is_test = split == "test"
        self._drawn: set[str] = set()

    def _draw(self, names: tuple[str, ...] | list[str]) -> str:
        # A third of each list is the test cases' own.
        own = [name for index, name in enumerate(names) if (index % 3 == 1) == self._is_test]
        name = self._random.choice([name for name in own if name not in self._drawn])
        self._drawn.add(name)
        return name

    def first_name(self) -> str:
        """Return a first name."""
        return self._draw(_FIRST[self._language].split())

    def last_name(self) -> str:
        """Return a surname."""
        return self._draw(_LAST[self._language].split())

    def person(self) -> str:
        """Return first name and surname."""
        return f"{self.first_name()} {self.last_name()}"

    def company(self) -> str:
        """Return the name of a company."""
        return self._draw(_COMPANIES[self._language])

    def city(self) -> str:
        """Return the name of a town."""
        return self._draw(_CITIES[self._language])

    def product(self) -> str:
        """Return the name of a product."""
        return self._draw(_PRODUCTS)

    def phone(self) -> str:
        """Return a telephone number that nobody has."""
        start = self._random.choice(_PHONE_STARTS[self._language])
        return self._new(lambda: f"{start}{self._digits(3)}")

    def email(self, person: str) -> str:
        """Return an address for a person."""
        plain = unicodedata.normalize("NFKD", person).encode("ascii", "ignore").decode().lower().replace("'", "")
        first, last = plain.split()
        return (
            f"{self._random.choice((f'{first}.{last}', f'{first[0]}.{last}', first))}@{self._random.choice(_DOMAINS)}"
        )

    def code(self, prefix: str, digits: int = 4) -> str:
        """Return an identifier such as `RS-4821`."""
        return self._new(lambda: f"{prefix}-{self._digits(digits)}")

    def _new(self, make: Callable[[], str]) -> str:
        while True:
            value = make()
            if value not in self._drawn:
                self._drawn.add(value)
                return value

    def _digits(self, count: int) -> str:
        return "".join(self._random.choice("0123456789") for _ in range(count))
