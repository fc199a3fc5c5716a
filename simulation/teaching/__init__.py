"""Teaching: the real engine for a class. The only room that knows Mesa and Solara.

plate.py     one well with its control wells, advanced together; % specific lysis by the formula of analysis (no Mesa)
model.py     ADCCModel, the mesa.Model for notebooks and the page;  agents.py  cells and grid as Mesa knows them
picture.py   the well as a picture: colours, legend, what lies under the pointer
page.py      the page itself;  session.py  what one visitor does;  lessons.py  guided lessons;  assets.py  offline use

Importing this package loads none of them.
"""
