"""The second reading: an OCR engine on this machine reads pages again, to be compared with the model's text.

It costs no money and knows no language well, but it reads what stands on the page: a text that it cannot find there at
all was invented, or belongs to another page. Where it found each line is kept for ALTO, hOCR and the searchable PDF.
"""
