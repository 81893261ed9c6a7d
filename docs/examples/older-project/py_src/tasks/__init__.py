from .per_year import per_year
from .summary import summary
from .years import years
