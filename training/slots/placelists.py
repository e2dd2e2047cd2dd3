"""What places, firms and jobs are drawn from: shipped dictionaries and short lists of general knowledge."""

from __future__ import annotations

import re
from functools import cache

from nlp_deid.resources import folder
from slots.wordlists import words

_SMALL = frozenset(words("of, on, upon, de, la, le, las, los, del, da, do, dos, du, the, and, by, in"))
_CAPITALS = frozenset(words("uk, usa, us, uae, drc, pdr, va, u.k., u.s.a., u.s., ucla, ucsf, nyu, upmc, mgh"))
_FIRST_LETTER = re.compile(r"(?<![^\W_])(?<!['’‘])[^\W\d_]|(?<=\b[od]['’])[^\W\d_]")


def titled(name: str) -> str:
    """A name of the dictionaries (lower case) with its capitals."""
    return " ".join(
        word.upper()
        if word in _CAPITALS
        else word
        if at and word in _SMALL
        else _FIRST_LETTER.sub(lambda found: found[0].upper(), word)
        for at, word in enumerate(name.split(" "))
    )


@cache
def lines(name: str) -> tuple[str, ...]:
    """The terms of a dictionary."""
    text = (folder("dictionaries") / f"{name}.txt").read_text(encoding="utf-8")
    return tuple(line.split("\t")[0] for line in text.splitlines())


CITIES = words("""
New York, Los Angeles, Chicago, Houston, Phoenix, Philadelphia, San Antonio, San Diego, Dallas, Austin, San Jose,
Jacksonville, Fort Worth, Columbus, Charlotte, Indianapolis, Seattle, Denver, Boston, El Paso, Nashville, Detroit,
Portland, Las Vegas, Memphis, Louisville, Baltimore, Milwaukee, Albuquerque, Tucson, Fresno, Sacramento, Kansas City,
Mesa, Atlanta, Omaha, Colorado Springs, Raleigh, Miami, Long Beach, Virginia Beach, Oakland, Minneapolis, Tulsa, Tampa,
Arlington, New Orleans, Wichita, Cleveland, Bakersfield, Honolulu, Anaheim, Lexington, Stockton, Corpus Christi,
Riverside, Newark, St. Paul, Cincinnati, Pittsburgh, Greensboro, St. Louis, Anchorage, Lincoln, Orlando, Irvine, Toledo,
Durham, Fort Wayne, Laredo, Madison, Lubbock, Chandler, Scottsdale, Reno, Buffalo, Gilbert, Glendale, Norfolk, Boise,
Spokane, Richmond, Baton Rouge, Des Moines, Tacoma, San Bernardino, Modesto, Fontana, Worcester, Providence, Hartford,
Springfield, Bridgeport, New Haven, Burlington, Bangor, Manchester, Nashua, Albany, Syracuse, Rochester, Utica, Trenton,
Camden, Wilmington, Dover, Savannah, Macon, Mobile, Birmingham, Montgomery, Jackson, Biloxi, Little Rock, Shreveport,
Amarillo, Waco, Brownsville, McAllen, Las Cruces, Santa Fe, Gallup, Flagstaff, Yuma, Provo, Ogden, Missoula, Billings,
Bozeman, Fargo, Bismarck, Sioux Falls, Rapid City, Duluth, Eau Claire, Green Bay, Kenosha, Peoria, Rockford, Dayton,
Akron, Youngstown, Erie, Scranton, Allentown, Reading, Lancaster, York, Chester, Bethlehem, Concord, Salem, Eugene,
Bend, Medford, Yakima, Bellingham, Fairbanks, Juneau, Hilo, Kahului, Lihue, San Juan, Ponce, Hagatna, Pago Pago,
London, Manchester, Leeds, Sheffield, Bristol, Liverpool, Newcastle, Nottingham, Leicester, Coventry, Hull, Bradford,
Cardiff, Swansea, Wrexham, Belfast, Derry, Glasgow, Edinburgh, Dundee, Aberdeen, Inverness, Stirling, Bath, Exeter,
Plymouth, Norwich, Oxford, Cambridge, Reading, Luton, Brighton, Southampton, Stoke-on-Trent, Wolverhampton, Bolton,
Dublin, Cork, Galway, Limerick, Waterford, Sligo, Drogheda, Toronto, Montreal, Vancouver, Calgary, Edmonton, Ottawa,
Winnipeg, Quebec City, Hamilton, Halifax, Saskatoon, Regina, St. John's, Moncton, Kelowna, Sudbury, Thunder Bay, Sydney,
Melbourne, Brisbane, Perth, Adelaide, Hobart, Darwin, Cairns, Townsville, Geelong, Ballarat, Bendigo, Wagga Wagga,
Auckland, Wellington, Christchurch, Dunedin, Tauranga, Rotorua, Napier, Invercargill, Johannesburg, Cape Town, Durban,
Pretoria, Bloemfontein, Lagos, Abuja, Ibadan, Kano, Enugu, Port Harcourt, Accra, Kumasi, Nairobi, Mombasa, Kampala,
Addis Ababa, Asmara, Mogadishu, Khartoum, Kinshasa, Dakar, Freetown, Monrovia, Bamako, Mumbai, Delhi, New Delhi,
Bangalore, Bengaluru, Hyderabad, Chennai, Kolkata, Pune, Ahmedabad, Jaipur, Lucknow, Kochi, Amritsar, Karachi, Lahore,
Islamabad, Peshawar, Dhaka, Chittagong, Sylhet, Colombo, Jaffna, Kathmandu, Kabul, Herat, Tehran, Shiraz, Isfahan,
Baghdad, Basra, Mosul, Damascus, Aleppo, Homs, Beirut, Amman, Jerusalem, Tel Aviv, Haifa, Gaza, Cairo, Alexandria,
Casablanca, Tunis, Algiers, Tripoli, Riyadh, Jeddah, Dubai, Doha, Kuwait City, Istanbul, Ankara, Izmir, Athens,
Thessaloniki, Rome, Milan, Naples, Palermo, Madrid, Barcelona, Seville, Valencia, Lisbon, Porto, Ponta Delgada, Paris,
Lyon, Marseille, Brussels, Antwerp, Amsterdam, Rotterdam, Berlin, Hamburg, Munich, Cologne, Vienna, Zurich, Geneva,
Prague, Warsaw, Krakow, Gdansk, Budapest, Bucharest, Sofia, Belgrade, Zagreb, Sarajevo, Kyiv, Kharkiv, Lviv, Odesa,
Moscow, St. Petersburg, Minsk, Vilnius, Riga, Tallinn, Helsinki, Stockholm, Oslo, Bergen, Copenhagen, Reykjavik,
Beijing, Shanghai, Guangzhou, Shenzhen, Chengdu, Wuhan, Taipei, Hong Kong, Seoul, Busan, Tokyo, Osaka, Kyoto, Hanoi,
Ho Chi Minh City, Da Nang, Hue, Phnom Penh, Vientiane, Bangkok, Chiang Mai, Yangon, Manila, Cebu City, Davao, Quezon City,
Jakarta, Kuala Lumpur, Singapore, Suva, Apia, Nuku'alofa, Mexico City, Guadalajara, Monterrey, Tijuana, Oaxaca, Puebla,
Guatemala City, San Salvador, Tegucigalpa, San Pedro Sula, Managua, San José, Panama City, Havana, Santo Domingo,
Port-au-Prince, Jacmel, Kingston, Bogotá, Medellín, Cali, Caracas, Quito, Guayaquil, Lima, Cusco, La Paz, Santiago,
Buenos Aires, Rosario, Montevideo, Asunción, São Paulo, Rio de Janeiro, Salvador, Recife, Fortaleza, Belo Horizonte
""")
REGIONS = {
    "AU": (words("New South Wales, Victoria, Queensland, Western Australia, South Australia, Tasmania, Northern Territory"),
           words("NSW, VIC, QLD, WA, SA, TAS, NT, ACT, Vic, Qld, Tas")),
    "CA": (words("Ontario, Quebec, British Columbia, Alberta, Manitoba, Saskatchewan, Nova Scotia, New Brunswick, "
                 "Newfoundland, Prince Edward Island, Nunavut, Yukon"),
           words("ON, QC, BC, AB, MB, SK, NS, NB, NL, PE, Ont, Que")),
    "IN": (words("Kerala, Tamil Nadu, Karnataka, Telangana, Andhra Pradesh, Maharashtra, Gujarat, Punjab, Rajasthan, "
                 "Uttar Pradesh, Bihar, West Bengal, Assam, Odisha, Goa"), words("TN, KA, TS, AP, MH, GJ, UP, WB, KL")),
    "NG": (words("Lagos State, Enugu State, Anambra, Ogun State, Rivers State, Kaduna, Oyo State, Imo State"), ()),
    "ZA": (words("Gauteng, KwaZulu-Natal, Western Cape, Eastern Cape, Limpopo, Free State, Mpumalanga"), ("KZN", "GP", "WC", "EC")),
    "GB": (words("England, Scotland, Wales, Northern Ireland"), ()),
}  # fmt: skip
SAINTS = words("""
Mary, Joseph, John, Luke, Mark, Matthew, James, Peter, Paul, Anthony, Francis, Vincent, Elizabeth, Agnes, Anne, Clare,
Catherine, Cecilia, Bernadette, Brigid, Columba, Patrick, David, Andrew, George, Thomas, Michael, Gabriel, Raphael,
Camillus, Alexius, Casimir, Stanislaus, Hedwig, Ignatius, Dominic, Benedict, Bernard, Barnabas, Bartholomew, Mungo,
Oswald, Cuthbert, Chad, Swithin, Boniface, Nicholas, Eligius, Rita, Rose, Lucy, Jude, Margaret, Helena, Theresa, Cloud,
Damien, Martin, Augustine, Aloysius, Alban, Albert, Edward, Edmund, Lawrence, Sebastian, Christopher, Blaise, Dymphna
""")
PROPER = words("""
Mercy, Providence, Good Samaritan, Sacred Heart, Trinity, Holy Cross, Holy Family, Grace, Hope, Bethesda, Bethany, Shalom,
Mount Sinai, Mount Carmel, Beth Israel, Emmanuel, Immanuel, Zion, Covenant, Harmony, Unity, Liberty, Independence, Pioneer,
Heritage, Legacy, Summit, Pinnacle, Horizon, Sunrise, Sunset, Skyline, Lakeview, Lakeshore, Lakeside, Riverside, Riverbend,
Riverview, Bayview, Bayside, Seaside, Ocean View, Harbor View, Harborview, Hillcrest, Hilltop, Hillside, Highland, Highlands,
Mountain View, Valley View, Fairview, Pleasant View, Parkview, Parkland, Woodland, Woodlands, Forest Hills, Oak Ridge,
Oakwood, Oakmont, Cedar Grove, Cedar Ridge, Cedars, Pine Ridge, Pine Grove, Maple Grove, Elmwood, Willow Creek, Willow Glen,
Birchwood, Aspen Ridge, Redwood, Cypress, Magnolia, Juniper, Laurel, Ivy Lane, Rosewood, Rose Hill, Sagebrush, Desert Springs,
Desert Sky, Mesa Verde, Blue Ridge, Bluebonnet, Palmetto, Prairie, Prairie View, Sandhills, Lone Star, Lone Tree, Big Sky,
Golden Gate, Gold Coast, Silver Lake, Crystal River, Clearwater, Stillwater, Spring Creek, Rock Creek, Bear Creek, Deer Park,
Eagle Point, Falcon Ridge, Hawk's Nest, Swan River, Fox Chase, Wolf River, Northgate, Southgate, Eastgate, Westgate, Northside,
Southside, Eastside, Westside, Midtown, Uptown, Crossroads, Gateway, Central Valley, Tri-County, Tri-State, Twin Rivers,
Three Rivers, Four Corners, Seven Oaks, Great Plains, Great Lakes, Gulf Coast, Pacific Coast, North Shore, South Shore, Cape
Fear, Cape Cod, Green Valley, Sunny Slope, Whispering Pines, Shady Oaks, Morning Star, Evergreen, Northern Lights, Aurora
""")
KINDS = words("""
Hospital, General Hospital, Memorial Hospital, Medical Center, Regional Medical Center, Community Hospital, Regional Hospital,
University Hospital, Health Center, Clinic, Family Medicine, Family Practice, Medical Group, Health System, Healthcare,
Medical Associates, Children's Hospital, Surgical Center, Surgery Center, Urgent Care, Rehabilitation Hospital, Nursing Home,
Care Center, Hospice, Cancer Center, Heart Institute, Eye Clinic, Womens Health, Pediatrics, Internal Medicine, Primary Care,
Infirmary, Royal Infirmary, District Hospital, Surgery, Health Centre, Medical Centre, Polyclinic, VA Medical Center,
Community Health Center, Orthopaedic Institute, Skilled Nursing, Manor, Medical Practice, Specialty Clinic, Imaging, Dialysis
""")
FIRMS = words("""
Walmart, Target, Costco, Amazon, FedEx, UPS, USPS, McDonald's, Starbucks, Burger King, Wendy's, Subway, Chipotle, Home Depot,
Lowe's, Ford, General Motors, GM, Boeing, Lockheed, Raytheon, Tyson, Cargill, John Deere, Caterpillar, Walgreens, CVS, Rite Aid,
Kroger, Safeway, Publix, Aldi, Lidl, Tesco, Sainsbury's, Asda, Morrisons, Woolworths, Coles, Loblaws, Tim Hortons, Comcast,
Verizon, AT&T, T-Mobile, Google, Microsoft, Apple, Intel, IBM, Oracle, Dell, HP, Facebook, Tesla, Uber, Lyft, Delta, Southwest,
Marriott, Hilton, Disney, Best Buy, Macy's, Nordstrom, Kohl's, Sears, JCPenney, IKEA, Whole Foods, Trader Joe's, Chevron, Exxon,
Shell, BP, Wells Fargo, Chase, Bank of America, Citibank, State Farm, Allstate, Geico, Progressive, Aetna, Cigna, Humana,
Kaiser, Anthem, UnitedHealthcare, UHC, Blue Cross, BCBS, Blue Shield, Tricare, Molina, Centene, WellCare, Oscar Health, Bupa,
Medibank, AXA, Quest, LabCorp, Davita, Fresenius, Apria, Lincare, Kindred, Amedisys, Red Cross, Salvation Army, Goodwill, YMCA,
Harvard, Yale, Stanford, MIT, Ohio State, Penn State, Michigan State, UCLA, Texas A&M, Boston College, Baylor, Notre Dame
""")
ACRONYMS = words("""
MGH, BWH, BIDMC, UCSF, UCLA, UPMC, NYU, HUP, JHH, CHOP, MSK, MDACC, OSU, UNMH, UMMC, VUMC, WUSTL, NMH, RUMC, LLUMC, CPMC, ZSFG,
HCMC, OHSU, UWMC, HMC, VMMC, BMC, TMC, NEMC, MEEI, DFCI, LGI, UCLH, QEH, RVI, RAH, RPA, SGH, NUH, TTSH, KKH, GSTT, BCH, SMH, SJH
""")
STREETS = words("""
Main, Maple, Oak, Elm, Pine, Cedar, Washington, Park, Lake, Hill, Walnut, Spring, North, Ridge, Church, Willow, Mill, Sunset,
Railroad, Jackson, Lincoln, River, Cherry, Jefferson, Center, High, Prospect, Broad, Market, Highland, Forest, Madison, Grove,
Franklin, Chestnut, Dogwood, Hickory, Birch, Laurel, Magnolia, Meadow, Valley, Poplar, Summit, College, Court, Front, Bay,
Union, Water, School, Station, Victoria, Queen, King, George, Albert, Wellington, Peachtree, Colonial, Hillcrest, Fairview,
Martin Luther King, Cesar Chavez, Frontage, County Line, Old Mill, Stone Bridge, Deer Run, Fox Hollow, Quail Creek, La Cienega,
El Camino Real, San Pablo, Santa Fe, Camino del Sol, Via Verde, Ala Moana, Kapiolani, Rimu, Kauri, Jalan Besar, MG, Gandhi
""")
JOBS = words("""
truck driver, long-haul trucker, forklift operator, warehouse worker, warehouse picker, roofer, drywall hanger, welder,
pipefitter, electrician, plumber, HVAC technician, auto mechanic, diesel mechanic, machinist, line cook, sous chef, waitress,
bartender, barista, cashier, hairdresser, barber, nail technician, housekeeper, janitor, school bus driver, bus driver, taxi driver,
Uber driver, crossing guard, postal worker, mail carrier, firefighter, police officer, corrections officer, state trooper,
paralegal, attorney, judge, accountant, bookkeeper, bank teller, loan officer, real estate agent, insurance adjuster, teacher,
second grade teacher, high school math teacher, teacher's aide, school principal, librarian, professor, history professor,
nurse, nurse's aide, CNA, home health aide, dental hygienist, pharmacist, radiology tech, phlebotomist, veterinarian, vet tech,
dairy farmer, rancher, farm hand, grape picker, fisherman, crabber, logger, sawmill worker, coal miner, oil rig worker, roughneck,
steelworker, shipyard worker, longshoreman, merchant mariner, Army sergeant, Navy cook, Marine, Air Force mechanic, pilot,
flight attendant, baggage handler, software engineer, web developer, data analyst, graphic designer, photographer, journalist,
church organist, pastor, minister, priest, imam, rabbi, musician, piano teacher, singer, actor, dance instructor, yoga teacher,
personal trainer, golf pro, lifeguard, seamstress, tailor, upholsterer, carpenter, cabinetmaker, bricklayer, painter, landscaper,
gardener, florist, baker, butcher, meat packer, poultry plant worker, cannery worker, factory worker, assembly line worker,
security guard, bouncer, locksmith, civil engineer, surveyor, architect, chemist, geologist, lab technician, social worker, nanny,
daycare worker, homemaker, beekeeper, zookeeper, translator, travel agent, tour guide, casino dealer, receptionist,
executive assistant, office manager, project manager, HR manager, sales rep, car salesman, small business owner, restaurant owner
""")
