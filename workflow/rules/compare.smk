# placeholder
TABLES=[]
