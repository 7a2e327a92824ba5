import unittest

from pages import page


class Pages(unittest.TestCase):
    def test_an_empty_list_has_empty_pages(self):
        self.assertEqual(page([], 1, 3), [])

    def test_the_first_page_begins_at_the_start(self):
        self.assertEqual(page([1, 2, 3, 4, 5], 1, 2), [1, 2])


if __name__ == "__main__":
    unittest.main()
