"""Who speaks: a recording's speakers and windows against enrolled voices. Pure: numbers in, decisions out."""
