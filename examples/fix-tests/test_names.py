import unittest

from names import initials


class Names(unittest.TestCase):
    def test_nobody_has_no_initials(self):
        self.assertEqual(initials(""), "")

    def test_each_part_gives_its_first_letter(self):
        self.assertEqual(initials("ada lovelace"), "A. L.")


if __name__ == "__main__":
    unittest.main()
