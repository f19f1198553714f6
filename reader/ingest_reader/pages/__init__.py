"""Pages for people: readable without scripts, and with nothing from elsewhere but a player one asks for."""
