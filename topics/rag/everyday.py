"""Everyday passages, a question to each that shares few words with it: written for the page before any was searched."""

PAIRS = (
    ("which doctor looks after a child's teeth?", "The dental clinic for kids opens at eight."),
    ("how do I repair a flat tyre?", "Puncture: take the wheel off, patch the tube, pump it up."),
    ("where can I leave my car?", "Parking is free behind the station after six in the evening."),
    ("is there anything without meat?", "Our vegetarian menu: lentil soup, cheese pie, grilled vegetables."),
    ("what if the money is late?", "Overdue payments are charged two percent interest a month."),
    ("how warm is the sea in July?", "Summer water temperatures reach twenty-four degrees at the beach."),
    ("can I bring my dog?", "Pets are welcome in all rooms except the restaurant."),
    ("who wrote the novel?", "Its author, a former sailor, published the book in 1902."),
    ("when does the shop close?", "The store is open until nine on weekdays."),
    ("my computer is slow, what now?", "If the laptop lags, quit programs that use much memory."),
    ("what should I wear for the wedding?", "Guests at the ceremony: dark suits and long dresses, please."),
    ("how do I get to the airport?", "A shuttle bus leaves for the terminal every half hour."),
    ("what helps against a headache?", "For pain, take an aspirin and drink a glass of water."),
    ("is the flat still to let?", "The apartment on the second floor is available for rent from May."),
    ("how old is the church?", "The cathedral was built in the twelfth century."),
    ("who won the match?", "The home team beat its rivals by three goals to one."),
    ("how do I stop my subscription?", "To cancel your membership, write to us a month ahead."),
    ("what does the boy want to become?", "My son dreams of being a pilot when he grows up."),
    ("why did the plants die?", "The flowers had withered, since nobody watered the garden in August."),
    ("is the road icy?", "Drivers beware: frost has made the highway slippery this morning."),
    ("which language do they speak there?", "Most inhabitants of the island talk Portuguese."),
    ("how much do you pay your staff?", "Employees earn a salary of thirty thousand a year."),
    ("did the thief get away?", "Police arrested the burglar the same night."),
    ("how can I sleep better?", "Against insomnia: no coffee after noon, and a dark bedroom."),
)
PASSAGES = tuple(passage for _, passage in PAIRS)
