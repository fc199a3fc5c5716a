from adccsim.cli import main

main()
