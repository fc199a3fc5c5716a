"""Teaching: the real engine for a class. The only room that knows Mesa and Solara.

plate.py     one well with its control wells, advanced together; % specific lysis by the formula of analysis (no Mesa)
model.py     ADCCModel, the mesa.Model for notebooks and the page;  agents.py  cells and grid as Mesa knows them
picture.py   the well as a picture: colours, legend, what lies under the pointer
pair.py      a treated and an untreated tumour, advanced together, TGI (no Mesa);  tumour_model.py  TumourModel;
             tumour_agents.py  its slice as Mesa knows it;  tumour_slice.py  the slice as a picture
page.py      the page itself;  session.py  what one visitor does, on a well_show.py or a tumour_show.py;  controls.py,
             tumour_controls.py  what can be set;  lessons.py  guided lessons;  assets.py  offline use
serve.py     the server;  access.py  authorisation;  admission.py  connections and kernels;  rooms.py  places and states

Importing this package loads none of them.
"""
