# SPDX-License-Identifier: Apache-2.0
"""How wide a text is on a terminal."""
import unicodedata


def columns(text):
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
